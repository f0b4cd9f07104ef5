"""A writer that ends between storing and publishing: log first against dual write."""

from functools import cache

import attrs
import numpy as np
import pytest
from fakes import create

from cqrs_sim.analysis.consistency import check_order_kept
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.engines.virtual import run_script
from cqrs_sim.errors import WriteSideDownError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import NO_READ_MODEL, Outcome, QueryOutcome
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.system import System

DOWN_MS = 60
EACH = ", ".join(f'{{ at = "{at}ms", down = "{DOWN_MS}ms" }}' for at in range(200, 1000, 200))
TEXT = f"""
[run]
duration = "1200ms"
[load]
rate = "700/s"
[workload]
orders = 12
[queries]
share = 0.2
strategy = {{ by_id = "write_side" }}
[write_side]
service = {{ distribution = "exponential", mean = "8ms" }}
crashes = [{EACH}]
[read_models.orders]
service = {{ distribution = "exponential", mean = "1ms" }}
batch = 4
[read_models.statistics]
service = {{ distribution = "exponential", mean = "500us" }}
transport = "3ms"
[read_models.search]
service = {{ distribution = "exponential", mean = "900us" }}
channel = 2
"""


def scenario(*settings: str) -> Scenario:
    return read_scenario(TEXT, settings)


@cache
def ran(publish: str, seed: int = 1, *settings: str) -> Result:
    return virtual.run(scenario(f"write_side.publish={publish}", *settings), seed=seed)


def failed(result: Result) -> set[str]:
    return {check.name for check in result.summary.checks if not check.ok}


def crashed_at(trace: Trace) -> list[int]:
    assert (trace.crashes.read_model == NO_READ_MODEL).all()
    return [int(instant) for instant in trace.crashes.crashed.astype(int)]


@pytest.mark.parametrize("seed", range(4))
def test_log_first_nothing_is_lost_and_what_was_stored_is_delivered_when_the_writer_is_back(
    seed: int,
) -> None:
    result = ran("log_first", seed)
    trace = result.trace
    assert len(trace.crashes) == 4
    assert failed(result) == set()
    for position, back in zip(trace.crashes.reached, trace.crashes.restarted, strict=True):
        assert trace.deliveries_of("orders").delivered[position - 1] == back
    assert all(found.lost == 0 for found in result.summary.delivery.values())


@pytest.mark.parametrize("seed", range(4))
def test_dual_write_loses_for_every_reader_what_was_stored_and_not_told(seed: int) -> None:
    result = ran("dual_write", seed)
    trace = result.trace
    untold = set(trace.crashes.reached.tolist())
    assert len(untold) == 4
    for name in trace.read_models:
        never = np.isnat(trace.deliveries_of(name).delivered)
        assert set(trace.events.position[never].tolist()) == untold
        found = result.summary.delivery[name]
        assert found.lost - found.without_effect == 4
        assert found.first_lost is not None
        assert found.first_lost.position == min(untold)
    assert (
        {"nothing_lost", "convergence"}
        <= failed(result)
        <= {"nothing_lost", "convergence", "effects"}
    )


def test_without_a_crash_dual_write_and_log_first_are_the_same_to_the_nanosecond() -> None:
    one, other = (
        ran(publish, 3, "write_side.crashes=[]").trace.to_arrays()
        for publish in ("log_first", "dual_write")
    )
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_both_write_the_same_log_through_the_same_crashes() -> None:
    one, other = ran("log_first").trace, ran("dual_write").trace
    for column in ("dequeued", "committed", "outcome"):
        written = getattr(other.commands, column)
        assert getattr(one.commands, column).tobytes() == written.tobytes()


def test_what_was_in_memory_is_unknown_what_comes_meanwhile_is_refused_and_all_is_counted() -> None:
    result = ran("log_first")
    trace, commands = result.trace, result.trace.commands
    stored = commands.position > 0
    unknown = commands.outcome == Outcome.UNKNOWN
    # Of what was in memory only what was being published had been stored.
    assert set(commands.position[unknown & stored]) == set(trace.crashes.reached.tolist())
    assert np.count_nonzero(unknown) > 8
    assert np.isnat(commands.acknowledged[unknown]).all()
    submitted = commands.submitted.astype(int)
    refused = np.zeros(len(commands), np.bool_)
    for at in crashed_at(trace):
        refused |= (submitted > at) & (submitted < at + DOWN_MS * 10**6)
    well_formed = commands.outcome != Outcome.REJECTED
    assert np.array_equal(commands.outcome == Outcome.REFUSED, refused & well_formed)
    assert sum(result.summary.commands.values()) == len(commands)
    assert not (commands.outcome == Outcome.UNFINISHED).any()


def test_questions_to_a_writer_that_is_gone_are_refused() -> None:
    queries = ran("log_first").trace.queries
    assert set(queries.outcome.tolist()) == {QueryOutcome.ANSWERED, QueryOutcome.REFUSED}


def test_commands_that_were_gone_with_the_process_are_overtaken_by_nobody() -> None:
    trace = ran("log_first").trace
    assert check_order_kept(trace).ok
    before = np.timedelta64(min(crashed_at(trace)) - 1, "ns")
    early = attrs.evolve(trace.crashes, crashed=np.minimum(trace.crashes.crashed, before))
    assert not check_order_kept(attrs.evolve(trace, crashes=early)).ok


def test_a_run_whose_last_event_was_never_told_says_so() -> None:
    last = '[{ at = "1100ms", down = "50ms" }]'
    result = ran("dual_write", 1, f"write_side.crashes={last}", "run.duration=1101ms")
    trace = result.trace
    assert trace.crashes.reached.tolist() == [len(trace.events)]
    assert "nothing_lost" in failed(result)
    assert "convergence" in failed(result)


def test_a_run_does_not_end_before_a_writer_is_back_that_has_something_to_publish() -> None:
    last = '[{ at = "1100ms", down = "700ms" }]'
    result = ran("log_first", 1, f"write_side.crashes={last}", "run.duration=1101ms")
    assert result.trace.ended_ns >= result.trace.crashes.restarted.astype(int)[0]
    assert failed(result) == set()


def test_a_closed_load_goes_on_after_a_crash() -> None:
    closed = ("load.model=closed", "load.rate=none", "load.clients=8", "load.think_time.mean=5ms")
    result = ran("log_first", 1, *closed)
    submitted = result.trace.commands.submitted
    assert submitted.max() > result.trace.crashes.restarted.max()
    assert failed(result) == set()


def test_on_the_wall_clock_the_write_side_comes_back_too() -> None:
    result = wall.run(scenario("run.duration=500ms", "write_side.publish=dual_write"), seed=2)
    assert len(result.trace.crashes) >= 1
    assert result.summary.delivery["orders"].lost >= len(result.trace.crashes)
    assert "order_kept" not in failed(result)
    assert "conservation" not in failed(result)


def test_a_caller_hears_that_the_write_side_is_down_and_the_order_comes_back_from_the_log() -> None:
    at_once = read_scenario('[write_side]\ncrashes = [{ at = "0s", down = "5ms" }]')
    heard: list[object] = []

    async def story(system: System) -> object:
        for number in (1, 2):
            try:
                await system.execute(create(f"order-{number}"))
            except WriteSideDownError as error:
                heard.append(error.order_id)
        await system.projectors["orders"].wait_applied(system.log.head)
        return (await system.query(GetOrderById(create().order_id))).value

    assert run_script(story, at_once) is not None
    assert heard == ["order-1", "order-2"]


def test_the_algebra_refuses_by_key() -> None:
    plain = ("queries.share=0",)
    (mistake,) = unsupported(scenario(*plain))
    assert mistake.startswith("write_side.crashes:")
    (mistake,) = unsupported(
        scenario(*plain, "write_side.crashes=[]", "write_side.publish=dual_write")
    )
    assert mistake.startswith('write_side.publish = "dual_write":')
