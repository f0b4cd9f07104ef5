"""What a scenario says of deliveries, as the layers take it: which need more than the usual.

The usual (a log that everybody reads, checkpoints after the effects, nobody crashes) has its own
classes, which know of none of this and pay for none of it.
"""

from collections.abc import Callable, Sequence

from cqrs_sim.actors.crashes import Crashes
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Work
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.crashing import CrashingProjector, DeliveryOptions
from cqrs_sim.read_side.enriching import EnrichingProjector
from cqrs_sim.read_side.joining import JoiningProjector
from cqrs_sim.read_side.mending_tasks import MendingTasks, ReadLog, Source
from cqrs_sim.read_side.names import NameOf
from cqrs_sim.read_side.projector import Inbox, Projector, ProjectorOptions, ReadModel
from cqrs_sim.read_side.tasks import CARELESS, TaskProjector
from cqrs_sim.read_side.unguarded import (
    UnguardedOrders,
    UnguardedReadModel,
    UnguardedSearch,
    UnguardedStatistics,
)
from cqrs_sim.scenario.deliveries import is_delivered_plainly, may_miss_events
from cqrs_sim.scenario.scenario import Crash, Scenario

UNGUARDED: dict[str, Callable[[NameOf], UnguardedReadModel]] = {
    "orders": UnguardedOrders,
    "statistics": lambda _: UnguardedStatistics(),
    "search": UnguardedSearch,
}


def projector_of(
    scenario: Scenario,
    model: ReadModel,
    name_of: NameOf,
    kernel: Kernel,
    probe: Probe,
    inbox: Inbox,
    work: Work,
    options: ProjectorOptions,
) -> Projector:
    """The projector of one read model, whose usual form is `model`, named likewise."""
    promised = delivery_options(scenario, options.name)
    if promised is None:
        usual = Projector if options.enrichment is None else EnrichingProjector
        usual = usual if options.renames is None else JoiningProjector
        return usual(kernel, probe, inbox, model, work, options)
    unguarded = UNGUARDED[options.name](name_of)
    return CrashingProjector(kernel, probe, inbox, unguarded, work, options, promised)


def tasks_of(
    scenario: Scenario,
    kernel: Kernel,
    probe: Probe,
    work: Work,
    options: ProjectorOptions,
    read_log: ReadLog,
) -> TaskProjector:
    """The tasks of one read model; those that fetch what is missing read it from the log."""
    model, on_gap = CARELESS[options.name](), scenario.read_models[options.name].on_gap
    if on_gap == "ignore":
        return TaskProjector(kernel, probe, model, work, options)
    source = Source(read_log, scenario.write_side.replay) if on_gap == "fetch" else None
    return MendingTasks(kernel, probe, model, work, options, source)


def delivery_options(scenario: Scenario, name: str) -> DeliveryOptions | None:
    """How events come to a read model; None: as usual."""
    side, model = scenario.write_side, scenario.read_models[name]
    if is_delivered_plainly(side, model):
        return None
    return DeliveryOptions(
        delivery=model.delivery,
        is_idempotent=model.idempotent,
        may_miss=may_miss_events(side, model),
        crashes=planned(model.crashes),
    )


def planned(crashes: Sequence[Crash]) -> Crashes:
    """The crashes of one process, as they are to come."""
    return Crashes([(crash.at, crash.down) for crash in crashes])
