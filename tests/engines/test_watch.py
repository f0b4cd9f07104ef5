"""A watch on a run: it ends one whose threshold has failed, the same way every time."""

import attrs
import pytest

from cqrs_sim import simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.thresholds import parse_threshold
from cqrs_sim.engines import watch
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.engines.virtual import run_experiment
from cqrs_sim.engines.watch import is_watchable
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario

SLOW_LATER = read_scenario(
    'name = "later"\n[run]\nduration = "20s"\nwarm_up = "1s"\n'
    '[load]\nprocess = "constant"\n'
    'profile = [{ duration = "10s", rate = "50/s" }, { duration = "10s", rate = "400/s" }]\n'
    '[workload]\nkind = "amendments"\ninvalid_share = 0.0\n'
    '[read_models.orders]\nservice = { mean = "5ms" }\n'
)
"""From 10 s on the read model is offered twice what it can do."""


def with_limit(text: str) -> Scenario:
    return attrs.evolve(SLOW_LATER, thresholds=(text,))


def test_a_run_ends_soon_after_its_limit_is_passed_and_says_so() -> None:
    scenario = with_limit("lag.orders.max < 1s")
    result = simulation.run(scenario, abort_on_fail=True)

    assert not result.complete
    assert result.aborted is not None
    assert result.aborted.startswith("lag.orders.max was 1,")
    # At 400 a second, of which it does 200, an event that comes 2 s later waits 1 s more... the
    # oldest one is 1 s old about 2 s after the load grew, and a look comes every second.
    assert 11e9 < result.trace.load_ended_ns < 14e9
    assert result.summary.is_correct
    assert simulation.run(scenario).aborted is None


def test_the_same_seed_is_aborted_at_the_same_instant() -> None:
    scenario = with_limit("lag.orders.max < 1s")
    one, two = (simulation.run(scenario, seed=4, abort_on_fail=True) for _ in range(2))
    assert one.aborted == two.aborted
    for name, column in one.trace.to_arrays().items():
        assert column.tobytes() == two.trace.to_arrays()[name].tobytes()


def test_a_limit_that_holds_changes_nothing() -> None:
    scenario = with_limit("lag.orders.max < 1h")
    watched = simulation.run(scenario, abort_on_fail=True)
    assert watched.complete
    assert watched.to_json() == simulation.run(scenario).to_json()


def test_what_came_before_the_warm_up_cut_does_not_count() -> None:
    strict = with_limit("lag.orders.max < 4ms")
    found = simulation.run(strict, abort_on_fail=True)
    assert found.aborted is not None
    # The first look after the cut at 1 s.
    assert found.aborted.endswith("after 2.0 s, more than 4ms")


def test_a_quantile_of_too_few_is_not_judged_yet() -> None:
    """All lags are 5 ms, so only the lack of 200 of them can keep the watch from its verdict."""
    found = simulation.run(with_limit("lag.orders.p50 < 4ms"), abort_on_fail=True)
    assert found.aborted is not None
    assert found.aborted.endswith("after 5.0 s, more than 4ms")


def test_rows_may_be_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = with_limit("lag.orders.mean < 4ms")
    whole = simulation.run(scenario, abort_on_fail=True).aborted

    class Thinning(watch.Watch):
        def __init__(self, *arguments: object, **extra: object) -> None:
            super().__init__(*arguments, **{**extra, "most_rows": 10})  # type: ignore[arg-type]

    monkeypatch.setattr("cqrs_sim.engines.virtual.Watch", Thinning)
    thinned = simulation.run(scenario, abort_on_fail=True).aborted
    assert whole is not None
    assert thinned is not None
    assert thinned.endswith("after 2.0 s, more than 4ms")
    assert whole.endswith("after 2.0 s, more than 4ms")


MANY = read_scenario(
    '[run]\nduration = "6s"\nwarm_up = "0s"\n[load]\nrate = "100/s"\nprocess = "constant"\n'
    '[workload]\nkind = "amendments"\ninvalid_share = 0.0\n'
    '[write_side]\nservice = { mean = "2ms" }\n[read_models.orders]\n'
)
"""600 commands: enough for a median, which needs 200, but not if only 100 of them counted."""


def first_failure(scenario: Scenario, text: str, most_rows: int | None) -> str | None:
    experiment = Experiment(scenario, 0, VirtualClock())
    found = watch.Watch(experiment, [parse_threshold(text)], every=1, most_rows=most_rows)
    run_experiment(experiment, found)
    return found.failed


def test_whether_there_are_enough_is_counted_before_rows_are_thinned() -> None:
    failed = first_failure(MANY, "response.p50 < 1ms", None)
    assert failed is not None
    assert first_failure(MANY, "response.p50 < 1ms", 100) == failed


@pytest.mark.parametrize("text", ["response.max < 1ms", "lag.orders.max < 4ms"])
def test_rows_are_thinned_after_the_warm_up_cut(text: str) -> None:
    """Most rows are of the warm-up; were they thinned away first, of those that count none would
    be looked at for long."""
    late = attrs.evolve(
        MANY,
        run=attrs.evolve(MANY.run, warm_up=5_000_000_000),
        read_models={"orders": SLOW_LATER.read_models["orders"]},
    )
    whole = first_failure(late, text, None)
    assert whole is not None
    assert first_failure(late, text, 1) == whole


def test_the_wall_engine_is_watched_too() -> None:
    scenario = read_scenario(
        '[run]\nduration = "30s"\n[load]\nrate = "50/s"\n'
        '[write_side]\nservice = { mean = "20ms" }\n'
    )
    scenario = attrs.evolve(scenario, thresholds=("response.max < 1ms",))
    result = simulation.run(scenario, engine="wall", abort_on_fail=True)
    assert result.aborted is not None
    assert result.trace.load_ended_ns < 30e9


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("lag.orders.p99 < 5ms", True),
        ("lag_s.orders.mean <= 5ms", True),
        ("response.max < 5ms", True),
        ("response_s.p50 < 5ms", True),
        ("response.p99 > 5ms", False),
        ("response.p99 == 5ms", False),
        ("response.n < 5", False),
        ("lag.search.p99 < 5ms", False),
        ("lag.p99 < 5ms", False),
        ("rates.offered < 5/s", False),
        ("commands.dropped < 1", False),
    ],
)
def test_upper_limits_on_times_can_be_judged_early(text: str, *, is_so: bool) -> None:
    assert is_watchable(parse_threshold(text), ("orders",)) is is_so
