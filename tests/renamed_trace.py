"""A trace with renamed customers, small enough to be summed up by hand."""

from collections.abc import Callable
from functools import cache, partial

import attrs
from fakes import ScriptedClock, create

from cqrs_sim.ids import CommandId, Nanoseconds, Version
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.trace import Trace

SHOWING = ("orders", "search")
READ_MODELS = ("orders", "statistics", "search")


@attrs.frozen
class Logged:
    causation_id: CommandId
    version: Version


RENAMES = (
    # customer, intended, submitted, dequeued, committed, version
    (7, 1, 2, 3, 7, 1),
    (3, 5, 5, 5, 9, 1),
    (7, 6, 6, 7, 13, 2),
)
SHOWN = {
    # Of each rename in turn: taken, applied, rows.
    "orders": ((8, 12, 4), (12, 15, 2), (15, 20, 5)),
    "search": ((9, 10, 4), (10, 16, 2), (18, 20, 5)),
}
EVENTS = {
    # Of two events, committed at 2 and 16: taken, applied.
    "orders": ((2, 5), (20, 23)),
    "statistics": ((2, 4), (16, 17)),
    "search": ((3, 6), (20, 24)),
}


@cache
def renamed() -> Trace:
    """Two orders and three renames, of which two are of one customer; load until 18."""
    clock = ScriptedClock()
    recorder = Recorder(clock, READ_MODELS)
    commands = [recorder.new_command(create(f"order-{n}"), Nanoseconds(0)) for n in range(2)]
    for command, committed in zip(commands, (2, 16), strict=True):
        recorder.submitted[command] = recorder.dequeued[command] = 0
        recorder.committed[command] = recorder.acknowledged[command] = committed
    for number, name in enumerate(READ_MODELS):
        columns = recorder.deliveries(number)
        for position, (taken, applied) in enumerate(EVENTS[name], start=1):
            columns.delivered[position] = (2, 16)[position - 1]
            columns.taken[position] = taken
            columns.applied[position] = columns.checkpointed[position] = applied
    script: list[tuple[int, Callable[[], object]]] = []
    rows: dict[int, int] = {}

    def submit(number: int, customer: int, intended: int) -> None:
        rows[number] = recorder.rename_submitted(customer, Nanoseconds(intended))

    def dequeue(number: int) -> None:
        recorder.rename_dequeued(rows[number])

    def commit(number: int, version: int) -> None:
        recorder.rename_committed(rows[number], number + 1, version)

    for number, (customer, intended, submitted, dequeued, committed, version) in enumerate(RENAMES):
        script.append((submitted, partial(submit, number, customer, intended)))
        script.append((dequeued, partial(dequeue, number)))
        script.append((committed, partial(commit, number, version)))
    taken_rows: dict[tuple[int, int], int] = {}

    def take(read_model: int, position: int) -> None:
        taken_rows[read_model, position] = recorder.rename_taken(read_model, position)

    def apply(read_model: int, position: int, count: int) -> None:
        recorder.rename_applied(taken_rows[read_model, position], count)

    for name, shown in SHOWN.items():
        model = READ_MODELS.index(name)
        for position, (taken, applied, count) in enumerate(shown, start=1):
            script.append((taken, partial(take, model, position)))
            script.append((applied, partial(apply, model, position, count)))
    for instant, act in sorted(script, key=lambda step: step[0]):
        clock.move_to(instant)
        act()
    log = [Logged(command, Version(1)) for command in commands]
    return recorder.trace(log, load_ended_ns=18, ended_ns=30)
