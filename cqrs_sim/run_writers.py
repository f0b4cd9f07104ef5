"""The write side of a run, made as its scenario says: an actor for each order, or handlers."""

from collections.abc import Callable

import attrs

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Pauses, Work
from cqrs_sim.actors.randomness import Draws, Streams
from cqrs_sim.domain.order import Order
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.event_log.durable import DurableLog, StoreOfRun
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import OrderId
from cqrs_sim.probe import Probe
from cqrs_sim.scenario.handling import in_memory_only
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.service_times import draws
from cqrs_sim.write_side.activations import Activations
from cqrs_sim.write_side.gateway import CommandGateway, MailboxOptions
from cqrs_sim.write_side.handlers import JITTER_BITS, HandlerGateway, OrderHandlers, Retries
from cqrs_sim.write_side.order_actor import OrderActors
from cqrs_sim.write_side.rehydration import Rehydrator
from cqrs_sim.write_side.rows import RowsRehydrator
from cqrs_sim.write_side.shared_states import CheckedStates, UncheckedStates
from cqrs_sim.write_side.snapshots import MemorySnapshots
from cqrs_sim.write_side.stored_snapshots import StoredSnapshots


@attrs.frozen(kw_only=True)
class Parts:
    """What the write side of a run is made of."""

    kernel: Kernel
    probe: Probe
    log: MemoryLog
    work: Work
    """Where commands and questions are worked on."""
    service: Draws | None
    questions: Draws | None
    inline: Callable[[int], int] | None
    """As `OrderActors.inline_service`."""
    rehydrator: Rehydrator
    activations: Activations
    pauses: Pauses | None


def gateway_of_run(scenario: Scenario, streams: Streams, parts: Parts) -> CommandGateway:
    """The way in for commands, with whoever handles them behind it.

    Raises:
        InvalidScenarioError: if writes are to be unchecked, and the log is not simply in memory.
    """
    side, kernel, probe = scenario.write_side, parts.kernel, parts.probe
    shared = (parts.log, probe, kernel.clock, parts.work, parts.service, parts.questions)
    if side.handling == "mailbox":
        actors = OrderActors(
            *shared,
            parts.inline,
            reply_ns=side.reply,
            rehydrator=parts.rehydrator,
            replay_ns=side.replay,
            activations=parts.activations,
        )
        options = MailboxOptions(side.mailbox, side.policy, side.passivate_after, parts.pauses)
        return CommandGateway(kernel, probe, actors, options)
    is_checked = side.handling == "optimistic"
    if not is_checked and isinstance(parts.log, DurableLog):
        # A scenario with both is refused; a store may also be given beside one.
        raise InvalidScenarioError([in_memory_only(side)])
    handlers = OrderHandlers(
        *shared,
        rehydrator=parts.rehydrator,
        activations=parts.activations,
        states=CheckedStates(parts.log) if is_checked else UncheckedStates(parts.log),
        retries=_retries(scenario, streams) if is_checked else Retries(),
        sleep=kernel.sleep,
    )
    return HandlerGateway(kernel, probe, handlers)


def rehydrator_of_run(
    scenario: Scenario,
    log: MemoryLog,
    load: Callable[[OrderId], Order | None] | None,
    store: StoreOfRun | None,
) -> Rehydrator:
    """How orders come back: from their events and snapshots, or from rows that `load` reads."""
    if load is not None:
        return RowsRehydrator(log, load)
    snapshots = MemorySnapshots() if store is None else StoredSnapshots(store.store)
    return Rehydrator(log, snapshots, scenario.write_side.snapshot_every)


def _retries(scenario: Scenario, streams: Streams) -> Retries:
    side, retry = scenario.write_side, scenario.write_side.retry
    again = range(1, retry.attempts)
    service = [draws(streams, f"write/again/{number}", side.service) for number in again]
    return Retries(
        backoff_ns=retry.backoff,
        cap_ns=retry.cap,
        jitter=[
            Draws(streams.stream(f"write/jitter/{number}"), "uniform", 1 << (JITTER_BITS - 1))
            for number in again
        ],
        service=[drawn for drawn in service if drawn is not None],
    )
