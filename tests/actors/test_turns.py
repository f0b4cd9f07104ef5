from collections.abc import Generator

import pytest

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.turns import Turns, run_in_turns
from cqrs_sim.errors import DeadlockError

Told = list[tuple[str, int]]


def worker(
    kernel: Kernel, name: str, pieces: list[int], told: Told
) -> Generator[object, None, None]:
    work = Turns(kernel).work
    told.append((f"{name} begins", int(kernel.now_ns())))
    for piece in pieces:
        yield work(piece, Rank.WRITE, 0)
    told.append((f"{name} ends", int(kernel.now_ns())))


def test_an_actor_keeps_the_processor_through_all_of_its_pieces_of_work() -> None:
    kernel, told = Kernel(VirtualClock()), Told()
    for name in ("a", "b"):
        kernel.spawn(worker(kernel, name, [10, 5], told), name)
    run_in_turns(kernel)
    assert told == [("a begins", 0), ("a ends", 15), ("b begins", 15), ("b ends", 30)]


def test_an_actor_that_awaits_keeps_it_as_well() -> None:
    kernel, ends = Kernel(VirtualClock()), list[int]()

    async def main() -> None:
        for _ in range(3):
            await Turns(kernel).work(7, Rank.WRITE, 0)
        ends.append(int(kernel.now_ns()))

    kernel.spawn(main(), "main")
    run_in_turns(kernel)
    assert ends == [21]


def test_what_falls_due_during_a_turn_waits_and_goes_before_background_actors_of_the_next() -> None:
    kernel, told = Kernel(VirtualClock()), Told()

    def late(name: str, at_ns: int) -> Generator[object, None, None]:
        yield kernel.sleep_until(at_ns, Rank.LOAD, at_ns)
        yield from worker(kernel, name, [10], told)

    def background(name: str) -> Generator[object, None, None]:
        for turn in range(2):
            yield from worker(kernel, f"{name}{turn}", [10], told)
            yield kernel.give_way()

    kernel.spawn(late("first", 0), "first")
    kernel.spawn(late("due at 5", 5), "second")
    kernel.spawn(background("p"), "p", is_background=True)
    run_in_turns(kernel)
    begins = [(name, at) for name, at in told if name.endswith("begins")]
    # `p` has its turn although `due at 5` was due: nobody looked. A queue would have let it wait.
    assert begins == [
        ("p0 begins", 0),
        ("first begins", 10),
        ("due at 5 begins", 20),
        ("p1 begins", 30),
    ]


def test_settling_takes_time_before_the_next_timer_is_noticed() -> None:
    kernel, told = Kernel(VirtualClock()), Told()

    def at(instants: list[int]) -> Generator[object, None, None]:
        for instant in instants:
            yield kernel.sleep_until(instant, Rank.LOAD, 0)
            yield from worker(kernel, str(instant), [1], told)

    kernel.spawn(at([10, 12, 100]), "a")
    run_in_turns(kernel, settle_ns=4)
    # At 11 it begins to settle, and what was due at 12 is noticed at 15.
    assert [at for name, at in told if name.endswith("begins")] == [10, 15, 100]


def test_a_deadlock_is_reported_as_by_any_kernel() -> None:
    kernel = Kernel(VirtualClock())

    def stuck() -> Generator[object, None, None]:
        kernel.running.waiting_for = "Godot"
        yield kernel.sleep_until(5, Rank.OTHER, 0)
        from cqrs_sim.actors.park import PARK

        yield PARK

    kernel.spawn(stuck(), "stuck")
    with pytest.raises(DeadlockError, match="Godot"):
        run_in_turns(kernel)
