"""The read models of a store as a person reads them: how far each is, and a rebuild of one."""

import numpy as np
from rich.text import Text

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.plain_text import count_of, printable
from cqrs_sim.projections.rebuilding import RebuiltFile
from cqrs_sim.projections.status import ModelStatus, StoreStatus
from cqrs_sim.terminal.screen import BAD, GOOD, WARNING, Screen, table_of
from cqrs_sim.terminal.status_line import StatusLine

NOTHING = "-"
_TONES = {"up to date": GOOD, "behind": WARNING, "none": ""}


def show_status(screen: Screen, status: StoreStatus) -> None:
    """Two tables, since dates beside counts are too wide for a terminal; then what is wrong."""
    events = count_of(status.head, "event")
    table = table_of("", "read model", "state", "checkpoint", "behind", "bytes")
    dates = table_of("", "read model", "shows until", "written")
    table.title = dates.title = None
    for model in status.read_models:
        table.add_row(
            Text(model.name),
            Text(model.state, _tone(model)),
            _count(model.checkpoint),
            _count(model.behind),
            _count(model.bytes or None),
        )
        dates.add_row(
            Text(model.name),
            _recorded(model, status),
            NOTHING if model.written_ns is None else _date(model.written_ns),
        )
    screen.show(Text(f"{printable(status.folder)}: {events} in the log", "bold"), table, "", dates)
    for model in status.read_models:
        if model.detail:
            screen.show(Text(f"{model.name}: {printable(model.detail)}", BAD))
        if model.is_half_built:
            screen.show(Text(f"{model.name}: a rebuild goes on, or was cut short", WARNING))
        if model.state in ("unreadable", "other tables", "other log", "ahead"):
            again = f"cqrs-sim projection rebuild {printable(status.folder)} {model.name}"
            screen.show(Text(f"{model.name}: to make it anew: {again}"))


def show_rebuilt(screen: Screen, found: RebuiltFile) -> None:
    """What came of a rebuild."""
    compared = found.comparison
    if not found.is_right:
        screen.show(
            Text(
                f"{found.name}: rebuilt from {count_of(found.events, 'event')}, and WRONG: "
                f"{compared.differing_count:,} of {compared.rows:,} rows differ from a fold of the "
                "log; the live file was left as it is",
                BAD,
            ),
            *[Text(f"  {printable(row)}") for row in (*compared.differing, *found.faults[:5])],
        )
        return
    screen.show(
        Text(
            f"{found.name}: rebuilt from {count_of(found.events, 'event')}; all {compared.rows:,} "
            f"rows equal a fold of the log; {found.bytes:,} bytes in place",
            GOOD,
        )
    )


class RebuildLine(StatusLine):
    """How far a rebuild is, and how fast."""

    def __init__(
        self,
        screen: Screen,
        name: str,
        *,
        is_quiet: bool = False,
        clock: WallClock | VirtualClock | None = None,
    ) -> None:
        super().__init__(screen, is_quiet=is_quiet, clock=clock)
        self._name = name
        self._began_ns = self.clock.instant_ns

    def __call__(self, done: int, head: int) -> None:
        """So many events are done, of so many."""
        if not self.is_due():
            return
        took_s = (self.clock.instant_ns - self._began_ns) / 1e9
        rate = f"{done / took_s:,.0f}" if took_s else NOTHING
        self.put(f"{self._name}: {done:,} of {head:,} events, {rate} per second")


def _tone(model: ModelStatus) -> str:
    if model.state == "in events.db":
        return WARNING if model.behind else GOOD
    return _TONES.get(model.state, BAD)


def _count(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def _recorded(model: ModelStatus, status: StoreStatus) -> str:
    """When the last event that a read model shows was recorded, by the clock of the store."""
    if model.shows_until_ns is None:
        return NOTHING
    if not status.is_dated:
        return f"{model.shows_until_ns / 1e9:,.3f} s, simulated"
    return _date(model.shows_until_ns)


def _date(instant_ns: int) -> str:
    return f"{np.datetime64(instant_ns // 10**9, 's')}Z"
