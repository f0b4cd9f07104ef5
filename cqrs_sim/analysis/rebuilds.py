"""Read models rebuilt while a run went on: how long it took, and what it cost the others.

A rebuild that shares processors with the live system delays it. Two ways to see by how much: the
lag of events committed before, during and after it, in one run; and, better, the lag of the same
commands in a run without it (`added_lag_s`), since with common random numbers all that differs is
the rebuild.
"""

from collections.abc import Collection, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.analysis.lag import consistency_lag_s, response_time_s
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.errors import IncomparableResultsError
from cqrs_sim.measurement.trace import Trace

CHECK = "rebuild"
"""The name of the check."""
LONGEST_S = 30 * 86_400
"""Latest instant that is read from a summary: more than a run can take."""


@attrs.frozen(kw_only=True)
class Rebuild:
    """One rebuild of a run, as the engine saw it."""

    read_model: str
    batch: int
    """Most events taken at once."""
    began_ns: int
    switched_ns: int | None
    """When the rebuilt read model was shown; None: the run ended first, and it was dropped."""
    events: int
    """How many it applied until then, from position 1."""
    shown: int
    """The position that the live read model showed right before the switch; 0 if there was none."""
    rows: int = 0
    """Entries of the two that were compared at one position."""
    differing: int = 0
    """How many of these differ."""
    witness: tuple[str, ...] = ()
    """Some of those that do."""

    def ended_ns(self, trace: Trace) -> int:
        """When it was switched to or dropped."""
        return trace.ended_ns if self.switched_ns is None else self.switched_ns

    def span_s(self, trace: Trace) -> tuple[float, float]:
        """When it began and ended, in seconds from the start of the run."""
        return self.began_ns / 1e9, self.ended_ns(trace) / 1e9


@attrs.frozen(kw_only=True)
class Phases:
    """One measure before, during and after a rebuild."""

    before: SampleSummary
    """Of what came from the warm-up cut until the rebuild began."""
    during: SampleSummary
    after: SampleSummary
    """Of what came from the switch until the load ended."""


@attrs.frozen(kw_only=True)
class RebuildSummary:
    """What one rebuild took and cost."""

    rebuild: Rebuild
    catch_up_s: float | None
    """From its begin to the switch; None if there was none."""
    events_per_s: float | None
    """Events applied per second of the rebuild; None if it took no time."""
    lag_s: Mapping[str, Phases]
    """By read model: of events committed in each phase; of a saturated one the counts only."""
    response_s: Phases
    """Of commands intended in each phase."""

    def to_json(self) -> dict[str, Json]:
        """One member of `rebuilds` in the summary."""
        rebuild, switched_ns = self.rebuild, self.rebuild.switched_ns
        return {
            "read_model": rebuild.read_model,
            "batch": rebuild.batch,
            "began_s": rebuild.began_ns / 1e9,
            "switched_s": None if switched_ns is None else switched_ns / 1e9,
            "catch_up_s": self.catch_up_s,
            "events": rebuild.events,
            "events_per_s": self.events_per_s,
            "shown": rebuild.shown,
            "rows": rebuild.rows,
            "differing": rebuild.differing,
            "witness": list(rebuild.witness),
            "lag_s": {name: plain(phases) for name, phases in self.lag_s.items()},
            "response_s": plain(self.response_s),
        }


def summarise_rebuild(
    trace: Trace, rebuild: Rebuild, *, after_ns: int = 0, saturated: Collection[str] = ()
) -> RebuildSummary:
    """What a rebuild took and cost; what came before `after_ns` is left out."""
    took_ns = rebuild.ended_ns(trace) - rebuild.began_ns
    edges_ns = (after_ns, rebuild.began_ns, rebuild.ended_ns(trace), trace.load_ended_ns)
    lag_s = {
        name: _phases(trace.events.committed, consistency_lag_s(trace, name), edges_ns)
        for name in trace.read_models
    }
    return RebuildSummary(
        rebuild=rebuild,
        catch_up_s=None if rebuild.switched_ns is None else took_ns / 1e9,
        events_per_s=rebuild.events / (took_ns / 1e9) if took_ns else None,
        lag_s={
            name: _withheld(phases) if name in saturated else phases
            for name, phases in lag_s.items()
        },
        response_s=_phases(trace.commands.intended, response_time_s(trace), edges_ns),
    )


def added_lag_s(
    trace: Trace, control: Trace, read_model: str, between_ns: tuple[int, int]
) -> NDArray[np.float64]:
    """How much longer events lagged than in a run of the same plan without the rebuild.

    Args:
        trace: a run with a rebuild.
        control: the same scenario and seed without it; its load must not depend on answers.
        read_model: whose lag.
        between_ns: the commands that were intended in this half-open stretch.

    Returns:
        Shape (n,), seconds, one a command whose event both runs came to show, in plan order.

    Raises:
        IncomparableResultsError: if the two did not send the same commands at the same instants.
    """
    commands, same = trace.commands, control.commands
    if len(commands) != len(same) or np.any(commands.intended != same.intended):
        raise IncomparableResultsError("the two runs did not send the same commands")
    intended = commands.intended.astype(np.int64)
    rows = (intended >= between_ns[0]) & (intended < between_ns[1])
    added = _lag_of_commands_s(trace, read_model) - _lag_of_commands_s(control, read_model)
    return added[rows & ~np.isnan(added)]


def check_rebuilds(rebuilds: Sequence[Rebuild]) -> tuple[CheckResult, ...]:
    """Whether every rebuilt read model equals the live one, row by row; no check if none was."""
    switched = [rebuild for rebuild in rebuilds if rebuild.switched_ns is not None]
    if not switched:
        return ()
    wrong = [rebuild for rebuild in switched if rebuild.differing]
    if wrong:
        told = "; ".join(
            f"{rebuild.read_model}: {rebuild.differing} of {rebuild.rows} rows of the rebuilt read "
            f"model differ from the live one's, {', '.join(rebuild.witness)} among them"
            for rebuild in wrong
        )
        return (CheckResult(name=CHECK, ok=False, detail=told),)
    rows = sum(rebuild.rows for rebuild in switched)
    told = f"each rebuilt read model equals the live one at one position: {rows:,} rows compared"
    return (CheckResult(name=CHECK, ok=True, detail=told),)


def _phases(
    stamps: NDArray[np.timedelta64], values_s: NDArray[np.float64], edges_ns: Sequence[int]
) -> Phases:
    instants = stamps.astype(np.int64)

    def within(low: int, high: int) -> SampleSummary:
        return summarise_sample(values_s[(instants >= low) & (instants < high)])

    after, began, ended, load_ended = edges_ns
    return Phases(
        before=within(after, began),
        during=within(max(after, began), ended),
        after=within(max(after, ended), load_ended),
    )


def _withheld(phases: Phases) -> Phases:
    return Phases(
        before=phases.before.withheld(),
        during=phases.during.withheld(),
        after=phases.after.withheld(),
    )


def _lag_of_commands_s(trace: Trace, read_model: str) -> NDArray[np.float64]:
    """Of each command's last event, shape (n_commands,); nan where there is none, or not shown."""
    lag_s = np.full(len(trace.commands), np.nan)
    row = trace.commands.position - trace.first_position
    has_event = (row >= 0) & (row < len(trace.events))
    lag_s[has_event] = consistency_lag_s(trace, read_model)[row[has_event]]
    return lag_s


def rebuilds_from(written: Json) -> tuple[Rebuild, ...]:
    """The rebuilds that a summary lists; of each, what the trace does not say.

    Raises:
        ValueError: if it is no such list; it says where.
    """
    if not isinstance(written, Sequence) or isinstance(written, str):
        raise ValueError(" must be a list")
    return tuple(_rebuild_from(one, f"[{number}]") for number, one in enumerate(written))


def _rebuild_from(written: Json, where: str) -> Rebuild:
    if not isinstance(written, Mapping):
        raise ValueError(f"{where} must be a table")

    def whole(key: str) -> int:
        number = written.get(key)
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise ValueError(f"{where}.{key} must be a whole number")
        return number

    def instant_ns(key: str) -> int:
        seconds = written.get(key)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError(f"{where}.{key} must be a number of seconds")
        if not 0 <= seconds <= LONGEST_S:
            raise ValueError(f"{where}.{key} must be from 0 to {LONGEST_S:,} s")
        return round(seconds * 1e9)

    name, witness = written.get("read_model"), written.get("witness")
    if not isinstance(name, str):
        raise ValueError(f"{where}.read_model must be a name")
    if not isinstance(witness, Sequence) or not all(isinstance(path, str) for path in witness):
        raise ValueError(f"{where}.witness must be a list of texts")
    has_switched = written.get("switched_s") is not None
    return Rebuild(
        read_model=name,
        batch=whole("batch"),
        began_ns=instant_ns("began_s"),
        switched_ns=instant_ns("switched_s") if has_switched else None,
        events=whole("events"),
        shown=whole("shown"),
        rows=whole("rows"),
        differing=whole("differing"),
        witness=tuple(str(path) for path in witness),
    )
