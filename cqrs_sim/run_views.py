"""The read models of a run, in memory or in the tables of its store, made as its scenario says.

In a store each read model that follows the log has a file of its own. One that is updated within
the commit has its tables in the file of the events, and so have the rows of the write side, where
it keeps any: one transaction writes all of that. Read models that tasks update stay in memory: what
they show they lose with the process, by their nature.

A file of its own is not written more durably than `normal`, since it can be made again from the
log; and not less than `off` is for the log.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Work
from cqrs_sim.crud.read_models import JOINED
from cqrs_sim.crud.tables import NormalisedTables
from cqrs_sim.customer_names import CustomerNames
from cqrs_sim.delivery_modes import projector_of
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Order
from cqrs_sim.errors import InvalidScenarioError, StoreError
from cqrs_sim.event_log.durable import StoreOfRun
from cqrs_sim.ids import OrderId, Position
from cqrs_sim.probe import Probe
from cqrs_sim.projections.kinds import KINDS
from cqrs_sim.projections.live_file import LiveFile
from cqrs_sim.projections.status import status_of
from cqrs_sim.read_side.inline import InlineProjector
from cqrs_sim.read_side.list_index import ListedOrders, SearchTimes
from cqrs_sim.read_side.projector import Inbox, Projector, ProjectorOptions, ReadModel
from cqrs_sim.read_side.rebuild import Replacement
from cqrs_sim.read_side.renamable_search import RenamableSearch
from cqrs_sim.read_side.sqlite.beside import TablesBeside
from cqrs_sim.read_side.sqlite.stored import CHECKPOINT
from cqrs_sim.read_side.stored_projector import StoredInlineProjector, StoredProjector
from cqrs_sim.read_side.table_model import TableContents, TableModel
from cqrs_sim.scenario.customers import in_memory_only
from cqrs_sim.scenario.deliveries import unusual_in_a_store
from cqrs_sim.scenario.enrichments import unnamed_in_a_store
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.storage.database import Durability, connect_to_read, errors_of
from cqrs_sim.storage.event_store import ROWS
from cqrs_sim.tables.connection import Connection, open_writer, read_transaction

USABLE = ("none", "in events.db", "behind", "up to date")
"""States of a read model from which a file of its own is caught up, or made."""

PAGES = 65_536
"""Of the write-ahead log of a read model (256 MB), before a commit brings it home, in the thread of
all actors: only if the thread that keeps it short could not (`tables.write_ahead_log`)."""


class Views:
    """Those in memory."""

    load: Callable[[OrderId], Order | None] | None = None
    """The state of an order, from the rows of the write side; None: there are none."""

    def __init__(
        self,
        scenario: Scenario,
        kernel: Kernel,
        probe: Probe,
        events: Sequence[Event],
        names: CustomerNames,
    ) -> None:
        """Make those that a scenario asks for; `events` are all of its log, now and later."""
        self._scenario = scenario
        self._events = events
        self._kernel = kernel
        self._probe = probe
        self._names = names
        self.is_stored = scenario.store != "memory"
        """Whether they are in a store, or work as if they were: a batch is a transaction."""

    def new_model(self, name: str) -> ReadModel:
        """An empty read model in memory, which shows the names that are told in this run."""
        named_by = self._names.names_of(name)
        is_renamed = name == "search" and name in self._scenario.renaming
        return RenamableSearch(named_by) if is_renamed else KINDS[name].memory(named_by)

    def inline(self, options: ProjectorOptions) -> InlineProjector:
        """What keeps a read model that is updated within the commit."""
        return InlineProjector(self._kernel, self._probe, self.new_model(options.name), options)

    def following(self, inbox: Inbox, work: Work, options: ProjectorOptions) -> Projector:
        """What keeps a read model that follows the log."""
        kernel, probe, named_by = self._kernel, self._probe, self._names.names_of(options.name)
        settings, model = self._scenario.read_models[options.name], self.new_model(options.name)
        if settings.index == "list":
            model = orders = ListedOrders(named_by)
            if settings.search_each:
                times = SearchTimes(options.service, orders, self._events, settings.search_each)
                options = attrs.evolve(options, service=times)
        if self.is_stored:
            return StoredProjector(kernel, probe, inbox, model, work, options)
        return projector_of(self._scenario, model, named_by, kernel, probe, inbox, work, options)

    def new_file(self, name: str) -> Callable[[int], Replacement] | None:
        """What makes a file to take the place of a read model's; None: it is in memory."""
        return None


class StoredViews(Views):
    """Those in a store; its files are closed with it."""

    def __init__(
        self,
        scenario: Scenario,
        kernel: Kernel,
        probe: Probe,
        store: StoreOfRun,
        events: Sequence[Event],
        names: CustomerNames,
    ) -> None:
        """Bring what the store has up to its log.

        Args:
            scenario: of the run.
            kernel: of the run.
            probe: of the run.
            store: nothing was written to it in this run.
            events: all of its log.
            names: of customers, in this run.

        Raises:
            StoreError: if a file shows what the log does not have, or cannot be used.
            InvalidScenarioError: if deliveries are planned that a store does not have, or names
                or renames that its log cannot bring back.
        """
        super().__init__(scenario, kernel, probe, events, names)
        mistakes = [
            *unusual_in_a_store(scenario.read_models),
            *unnamed_in_a_store(scenario.read_models),
        ]
        if scenario.renaming:
            mistakes.append(in_memory_only(scenario.customers))
        if mistakes:
            raise InvalidScenarioError(mistakes)
        self.is_stored = True
        self._of = store
        self._files: dict[str, LiveFile] = {}
        self._path = store.store.path
        self._guard = partial(errors_of, self._path)
        models = scenario.read_models
        self._refuse_unusable([n for n, model in models.items() if model.projection == "async"])
        with self._guard():
            beside = TablesBeside(store.store.connection, self._tables_beside())
            beside.catch_up(events)
        if beside.names:
            store.within.append(beside.show)
        store.keeps_events = scenario.write_side.keeps != "rows"
        self._reader = connect_to_read(self._path)
        store.files.callback(self._reader.close)
        if scenario.write_side.keeps != "events":
            self.load = self._load

    def _refuse_unusable(self, names: Sequence[str]) -> None:
        """Refuse files that no run can go on with: they are easily made again."""
        folder = self._of.store.folder
        if not any(KINDS[name].file_in(folder).exists() for name in names):
            return
        for found in status_of(folder).read_models:
            if found.name not in names or found.state in USABLE:
                continue
            why = f"is {found.state}"
            if found.state == "ahead":
                why = f"shows position {found.checkpoint:,}, and the log ends at {self._of.head:,}"
            elif found.state == "other log":
                why = found.detail
            elif found.state == "other tables":
                why = "has the tables of another version of cqrs-sim"
            raise StoreError(
                f"{KINDS[found.name].file_in(folder)} {why}; make it anew by "
                f"`cqrs-sim projection rebuild {folder} {found.name}`"
            )

    def _tables_beside(self) -> dict[str, Callable[[Sequence[Event]], None]]:
        """What is written in the transactions of the log, by name."""
        connection, models = self._of.store.connection, self._scenario.read_models
        shows: dict[str, Callable[[Sequence[Event]], None]] = {}
        if self._scenario.write_side.keeps != "events":
            rows = NormalisedTables(connection)
            is_joined = "search" in models and models["search"].form == "joined"
            rows.create(is_searchable=is_joined)
            shows[ROWS] = rows.save
        for name, model in models.items():
            if model.projection == "inline" and model.form == "view":
                tables = KINDS[name].tables(connection)
                tables.create()
                shows[name] = tables.show
        return shows

    def inline(self, options: ProjectorOptions) -> InlineProjector:
        """See `Views.inline`; the commit itself writes it."""
        name, tables = options.name, self._asked(options.name)
        is_joined = self._scenario.read_models[name].form == "joined"
        snapshot = partial(self._snapshot, ROWS if is_joined else name)
        in_sequence = not (is_joined and name == "search")
        model = TableModel(tables, snapshot, self._guard, is_in_sequence=in_sequence)
        return StoredInlineProjector(self._kernel, self._probe, model, options)

    def _asked(self, name: str) -> TableContents:
        if self._scenario.read_models[name].form == "joined":
            return JOINED[name](self._reader)
        return KINDS[name].tables(self._reader)

    def following(self, inbox: Inbox, work: Work, options: ProjectorOptions) -> Projector:
        """See `Views.following`; it has a file of its own."""
        store = self._of
        durability: Durability = "off" if self._scenario.log.durability == "off" else "normal"
        file = LiveFile(
            KINDS[options.name],
            store.store.folder,
            partial(_open, durability=durability),
            store_id=store.store.store_id,
        )
        store.files.callback(file.close)
        self._files[options.name] = file
        model = file.model()
        return StoredProjector(
            self._kernel, self._probe, inbox, model, work, options, file.write, file.checkpoint
        )

    def new_file(self, name: str) -> Callable[[int], Replacement] | None:
        """See `Views.new_file`."""
        return self._files[name].beside

    def _load(self, order_id: OrderId) -> Order | None:
        with self._guard(), read_transaction(self._reader):
            return NormalisedTables(self._reader).load(order_id)

    @contextmanager
    def _snapshot(self, name: str) -> Iterator[Position]:
        with read_transaction(self._reader):
            (position,) = self._reader.execute(CHECKPOINT, (name,)).fetchone()
            yield position


def _open(path: Path, durability: Durability) -> Connection:
    connection = open_writer(path, durability)
    connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES}")
    return connection


def views_of_run(
    scenario: Scenario,
    kernel: Kernel,
    probe: Probe,
    store: StoreOfRun | None,
    events: Sequence[Event],
    names: CustomerNames,
) -> Views:
    """In memory, unless there is a store; see `StoredViews`."""
    if store is None:
        return Views(scenario, kernel, probe, events, names)
    return StoredViews(scenario, kernel, probe, store, events, names)
