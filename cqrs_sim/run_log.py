"""The event log of a run, made as its scenario says."""

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.delivery_modes import planned
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.event_log.commit_server import CommitServer
from cqrs_sim.event_log.durable import Committer, DurableLog, StoreOfRun
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.event_log.publishing import PublishedLog
from cqrs_sim.event_log.writer_thread import WriterThread
from cqrs_sim.probe import Probe
from cqrs_sim.scenario.deliveries import in_memory_only, is_only_log_read
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.service_times import draws


def log_of_run(
    scenario: Scenario, kernel: Kernel, probe: Probe, streams: Streams, store: StoreOfRun | None
) -> MemoryLog:
    """In memory, unless its commits are real, or take modelled time.

    Raises:
        InvalidScenarioError: if the writer is to end between storing and publishing, or to publish
            by itself, and the log is not simply in memory.
    """
    log, side = scenario.log, scenario.write_side
    commit = draws(streams, "log/commit", log.commit)
    is_modelled = scenario.store != "memory" or commit is not None or log.append > 0
    if not is_only_log_read(side):
        # A scenario with both is refused; a store may also be given beside one.
        if store is not None or is_modelled:
            raise InvalidScenarioError([in_memory_only(side)])
        return PublishedLog(kernel, probe, side.publish, planned(side.crashes))
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
