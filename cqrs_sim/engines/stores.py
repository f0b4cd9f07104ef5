"""The store of a run: opened before it, closed after it, whatever happens in between."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cqrs_sim.actors.clock import VirtualClock, WallClock, utc_ns
from cqrs_sim.errors import StoreError
from cqrs_sim.event_log.durable import StoreOfRun
from cqrs_sim.event_log.writer_thread import quick_switches
from cqrs_sim.ids import Position
from cqrs_sim.read_side.sqlite.beside import refuse_ahead
from cqrs_sim.scenario.scenario import Durability
from cqrs_sim.storage.database import errors_of
from cqrs_sim.storage.event_store import EventStore


@contextmanager
def store_of_run(
    folder: Path | None,
    clock: VirtualClock | WallClock,
    durability: Durability,
    *,
    seed: int,
    must_be_empty: bool = False,
) -> Iterator[StoreOfRun | None]:
    """Open a store for one run, and close it at the end.

    Args:
        folder: the store's, made if need be; None: the run has no store.
        clock: of the run. On the wall clock events are dated from 1970; on the virtual clock from
            the last event that is there, so that equal runs write equal stores.
        durability: what a commit promises.
        seed: of the run, by which a store of simulated time is named.
        must_be_empty: refuse a store that holds events; a load of planned orders would meet them.

    Raises:
        StoreError: one line; nothing was changed then. The run itself is written down when all of
            it is wired (`StoreOfRun.begin`), so one that is refused leaves no trace.
    """
    if folder is None:
        yield None
        return
    is_virtual = isinstance(clock, VirtualClock)
    new_id = f"simulated-{seed}" if is_virtual else f"{utc_ns():x}"
    store = EventStore(folder, durability, new_id=new_id)
    with ExitStack() as at_end:

        def close(kind: object, error: BaseException | None, trace: object) -> None:
            # A full disk takes no more: then the files are closed as they are, with what is
            # committed. Whatever else ends a run, its callers were told, and that is written down.
            store.close_files() if isinstance(error, StoreError) else store.close()

        at_end.push(close)
        with ExitStack() as during:
            if must_be_empty and store.head:
                raise StoreError(
                    f"{folder} holds {store.head:,} events of earlier runs, whose orders this run "
                    "would meet again; name a new folder"
                )
            with errors_of(store.path):
                refuse_ahead(store.connection, Position(store.head), folder)
            began_ns = store.recorded_ns if is_virtual else max(store.recorded_ns, utc_ns())
            if not is_virtual:
                during.enter_context(quick_switches())
            opened = StoreOfRun(store, "virtual" if is_virtual else "wall", began_ns)
            during.callback(opened.files.close)
            yield opened
