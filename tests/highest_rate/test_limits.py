import attrs
import pytest

from benchmarks.capacity_coverage import scenario_of
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.limits import at_rate, checked_limits, refuse_unsearchable
from cqrs_sim.scenario.scenario import Load, RateSegment
from cqrs_sim.simulation import load_scenario

QUEUE = scenario_of(2.0)


def test_a_limit_knows_its_metric_its_value_and_whose_time_it_is() -> None:
    (lag, response, share) = checked_limits(
        ["lag.orders.p99 < 250ms", "response.p90<=1s", "queries.versions_missing_mean < 0.1"],
        QUEUE,
    )
    assert (lag.whole_name, lag.value, lag.unit) == ("lag_s.orders.p99", 0.25, "s")
    assert (lag.stage, response.stage, share.stage) == ("orders", "write side", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lag.orders.p99 > 5ms", "must be an upper limit, with < or <="),
        ("lag.orders.p99 == 5ms", "must be an upper limit, with < or <="),
        ("lag.order.p99 < 5ms", "did you mean lag.orders.p99"),
        ("lag.search.p99 < 5ms", "unknown metric"),
        ("lag.orders.p99 < 5", 'is a duration: write it like "50ms"'),
        ("lag.orders.p99 < 5/s", 'is a duration: write it like "50ms"'),
        ("lag.orders.p99", "must be a metric, <"),
        ("generator.slip.p99 < 1ms", "not of the load generator"),
    ],
)
def test_what_is_no_upper_limit_on_a_metric_is_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        checked_limits([text], QUEUE)
    (line,) = caught.value.mistakes
    assert line.startswith("--slo ")
    assert told in line


def test_no_limit_at_all_is_refused() -> None:
    with pytest.raises(InvalidScenarioError, match="--slo: needs a limit"):
        checked_limits([], QUEUE)


@pytest.mark.parametrize(
    ("load", "told"),
    [
        (Load(model="closed"), 'load.model = "closed"'),
        (Load(model="replay", log="log.csv"), 'load.model = "replay"'),
        (
            Load(profile=(RateSegment(duration=10**9, start=1.0, end=2.0),)),
            "load.profile = 1 segments",
        ),
    ],
)
def test_a_load_without_a_rate_of_its_own_is_refused(load: Load, told: str) -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        refuse_unsearchable(attrs.evolve(QUEUE, load=load))
    (line,) = caught.value.mistakes
    assert line.startswith(told)
    assert "load.rate" in line


def test_at_another_rate_nothing_but_the_rate_is_other() -> None:
    default = load_scenario("default")
    assert at_rate(at_rate(default, 5.0), default.load.rate or 0.0) == default
    assert at_rate(default, 5.0).load.rate == 5.0
