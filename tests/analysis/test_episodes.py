"""Episodes: a stage that fell behind or stood still is named with its times, a steady one never."""

import attrs
import numpy as np
import pytest
from traces import Plan, departures, exponential, make_trace

from cqrs_sim import simulation
from cqrs_sim.analysis import episodes
from cqrs_sim.analysis.episodes import Episode, find_episodes
from cqrs_sim.analysis.rates import Stay
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.verdict import judge

SECOND = 1_000_000_000
BURST = Plan(
    seconds=20.0,
    profile=((5.0, 200.0), (2.0, 2000.0), (13.0, 200.0)),
    write_ns=100_000,
    read_ns=(("orders", 1_000_000), ("search", 100_000)),
)


def paused(trace: Trace, first_s: float, last_s: float) -> Trace:
    """The same run with a write side that does nothing in between, and works it off at once."""
    commands = trace.commands
    first, last = np.timedelta64(int(first_s * SECOND)), np.timedelta64(int(last_s * SECOND))

    def held(stamps: "np.typing.NDArray[np.timedelta64]") -> "np.typing.NDArray[np.timedelta64]":
        return np.where((stamps >= first) & (stamps < last), last, stamps)

    return attrs.evolve(
        trace,
        commands=attrs.evolve(
            commands,
            dequeued=held(commands.dequeued),
            committed=held(commands.committed),
            acknowledged=held(commands.acknowledged),
        ),
    )


def test_a_burst_is_one_episode_of_the_stage_that_it_was_too_much_for() -> None:
    (found,) = find_episodes(make_trace(BURST))
    assert found.stage == "orders"
    # 2000 a second for 2 s and 1000 a second done: 2000 wait at 7 s, and drain at 800 a second.
    assert found.from_s == pytest.approx(5.0, abs=0.1)
    assert found.until_s == pytest.approx(9.5, abs=0.4)
    assert found.worst_s == pytest.approx(2.0, rel=0.1)
    assert found.worst_at_s == pytest.approx(9.0, abs=0.3)
    assert not found.stood_still


def test_what_has_not_caught_up_when_the_load_ends_has_no_end() -> None:
    short = attrs.evolve(BURST, seconds=7.0, profile=BURST.profile[:2])
    (found,) = find_episodes(make_trace(short))
    assert (found.stage, found.until_s) == ("orders", None)
    unseen = attrs.evolve(short, drain_s=0.1)
    (cut,) = find_episodes(make_trace(unseen))
    assert cut.until_s is None
    assert cut.worst_at_s == pytest.approx(7.1)
    assert 0.0 < cut.worst_s < found.worst_s


def test_a_stage_that_stands_still_is_told_from_one_that_does_too_little() -> None:
    (found,) = find_episodes(paused(make_trace(Plan(write_ns=100_000)), 3.0, 5.0))
    assert found.stage == WRITE_SIDE
    assert found.stood_still
    assert found.still_from_s == pytest.approx(3.0, abs=0.02)
    assert found.still_s == pytest.approx(2.0, abs=0.02)
    assert found.worst_s == pytest.approx(2.0, abs=0.02)
    assert found.until_s == pytest.approx(5.0)


def test_two_stalls_are_two_episodes_in_order_of_time() -> None:
    steady = make_trace(Plan(write_ns=100_000))
    twice = paused(paused(steady, 7.0, 7.5), 3.0, 4.0)
    assert [(round(one.from_s), one.stage) for one in find_episodes(twice)] == [
        (3, WRITE_SIDE),
        (7, WRITE_SIDE),
    ]


def test_what_moves_no_p99_is_left_to_the_tail() -> None:
    steady = make_trace(Plan(write_ns=100_000))
    assert find_episodes(paused(steady, 3.0, 3.08)) == ()
    assert len(find_episodes(paused(steady, 3.0, 3.12))) == 1


def test_the_warm_up_and_saturated_stages_are_left_out() -> None:
    trace = make_trace(BURST)
    assert find_episodes(trace, saturated={"orders"}) == ()
    assert find_episodes(trace, after_ns=12 * SECOND) == ()


def test_one_busy_order_is_not_the_stage() -> None:
    """A fifth of the commands waits for two seconds; the others are served as ever."""
    trace = make_trace(Plan(write_ns=100_000))
    stalled, few = paused(trace, 3.0, 5.0).commands, trace.commands.order % 5 == 0
    mixed = np.where(few, stalled.acknowledged, trace.commands.acknowledged)
    commands = attrs.evolve(trace.commands, acknowledged=mixed)
    assert find_episodes(attrs.evolve(trace, commands=commands)) == ()


def test_without_load_there_are_none() -> None:
    assert find_episodes(make_trace(Plan(rate_per_s=0.0))) == ()
    assert find_episodes(make_trace(), after_ns=10 * SECOND) == ()


@pytest.mark.parametrize("load", [0.3, 0.8, 0.9])
def test_a_steady_queue_has_none(load: float) -> None:
    """M/M/1, 200 runs: by the exponential stay, one false alarm in thousands of such runs."""
    frame = make_trace(Plan(rate_per_s=0.0))
    for seed in range(200):
        rng = np.random.default_rng([seed, int(100 * load)])
        came = np.cumsum(exponential(rng, int(1e6 / load), 3000))
        left = departures(came, exponential(rng, 1_000_000, 3000))
        run = attrs.evolve(frame, load_ended_ns=int(came[-1]) + 1, ended_ns=int(left[-1]) + 1)
        stay = Stay(entered=came.astype("m8[ns]"), left=left.astype("m8[ns]"))
        assert list(episodes._episodes_of(run, "queue", stay, 0)) == []


@pytest.mark.parametrize("preset", ["default", "hot_order"])
def test_steady_presets_have_none_with_any_seed(preset: str) -> None:
    scenario = simulation.load_scenario(preset, ["run.duration=2s", "run.warm_up=500ms"])
    for seed in range(20):
        assert simulation.run(scenario, seed=seed).summary.episodes == ()


def test_the_summary_holds_them() -> None:
    scenario = simulation.load_scenario(
        "stall",
        ["run.duration=5s", 'write_side.pauses=[{at = "2s", duration = "1s"}]', "load.rate=300/s"],
    )
    summary = simulation.run(scenario).summary
    first, *_ = summary.episodes
    assert (first.stage, first.stood_still) == (WRITE_SIDE, True)
    written = summary.to_json()["episodes"]
    assert isinstance(written, list)
    assert written[0] == attrs.asdict(first)
    assert {"stage", "from_s", "until_s", "worst_s", "worst_at_s"} <= set(written[0])


def test_a_pause_under_way_when_the_load_ends_is_told_by_its_growth_not_its_load() -> None:
    # By definition the backlog's slope makes it saturated; an offered load of 0.00 would explain
    # nothing.
    text = judge(
        simulation.run(simulation.load_scenario("stall", ["run.duration=23s"])).summary
    ).text
    assert text.startswith("SATURATED: write side (its backlog grew by ")


def test_a_still_stretch_is_most_of_an_episode() -> None:
    slow = Episode(
        stage="orders",
        from_s=1.0,
        until_s=3.0,
        worst_s=0.5,
        worst_at_s=2.5,
        still_from_s=1.0,
        still_s=0.9,
    )
    assert not slow.stood_still
    assert attrs.evolve(slow, still_s=1.1).stood_still
