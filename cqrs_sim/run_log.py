"""The event log of a run, made as its scenario says."""

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.event_log.commit_server import CommitServer
from cqrs_sim.event_log.durable import Committer, DurableLog, StoreOfRun
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.event_log.writer_thread import WriterThread
from cqrs_sim.probe import Probe
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.service_times import draws


def log_of_run(
    scenario: Scenario, kernel: Kernel, probe: Probe, streams: Streams, store: StoreOfRun | None
) -> MemoryLog:
    """In memory, unless its commits are real, or take modelled time."""
    log = scenario.log
    commit = draws(streams, "log/commit", log.commit)
    is_modelled = scenario.store != "memory" or commit is not None or log.append > 0
    if store is None and not is_modelled:
        return MemoryLog(kernel, probe)
    committer: Committer
    if store is not None and not kernel.clock.is_virtual:
        committer = WriterThread(kernel, store, group=log.group)
    else:
        committer = CommitServer(
            kernel, group=log.group, commit=commit, append_ns=log.append, of=store
        )
    return DurableLog(kernel, probe, committer, queue=log.queue, of=store)
