"""What theory says of a scenario: so it is, and where a condition fails nothing is said."""

import math

import attrs
import numpy as np
import pytest

from cqrs_sim import simulation
from cqrs_sim.checking.closed_forms import check_closed_forms, metric_values
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.engines.planning import workload_of
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.predictions import order_shares, predict, why_not
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import Duration


def constant(mean: str) -> str:
    return f'{{distribution = "constant", mean = "{mean}"}}'


def exponential(mean: str) -> str:
    return f'{{distribution = "exponential", mean = "{mean}"}}'


BASE = (
    "run.duration=10s",
    "run.warm_up=0s",
    "workload.kind=amendments",
    "workload.orders=20",
    "queries.share=0",
    "load.rate=800/s",
    f"write_side.service={exponential('2ms')}",
    f"read_models.orders.service={exponential('600us')}",
)


def scenario(*settings: str) -> Scenario:
    return simulation.load_scenario("default", [*BASE, *settings])


def value_s(found: Scenario, metric: str) -> float:
    (one,) = [one.value_s for one in predict(found) if one.metric == metric]
    return one


SCENARIOS = {
    "equal orders": (),
    "a hot order, reads, and invalid commands": (
        "workload.popularity=hot_set",
        "workload.hot_share=0.5",
        f"write_side.service={exponential('900us')}",
        "queries.share=0.3",
        "workload.invalid_share=0.4",
    ),
    "popularity by Zipf": ("workload.popularity=zipf", "load.rate=900/s"),
    "constant writes": (f"write_side.service={constant('10ms')}",),
    "no time to write, orders that come and go": (
        "workload.kind=lifecycle",
        f"write_side.service={constant('0ms')}",
        f"read_models.search.service={constant('700us')}",
    ),
    "transport and checkpoints": (
        "read_models.orders.transport=3ms",
        "read_models.orders.channel=1",
        "read_models.search.service=" + exponential("300us"),
        "read_models.search.checkpoint=400us",
        "read_models.statistics.batch=64",
        "read_models.statistics.channel=5",
    ),
}


@pytest.mark.parametrize("seed", [0, 1000])
@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_predicted_is_what_comes_of_it(name: str, seed: int) -> None:
    """A correct simulator fails one of these with probability 0.001; the seeds are fixed."""
    checked = check_closed_forms(scenario(*SCENARIOS[name]), seed=seed)
    assert checked.found
    assert [
        (one.prediction, one.interval) for one in checked.found if one.judgement != "inside"
    ] == []


def test_every_stage_of_the_scenarios_above_is_predicted() -> None:
    metrics = {
        "response.mean", "response.p50", "response.p99",
        *(f"lag.{model}.{of}" for model in ("orders", "statistics", "search")
          for of in ("mean", "p50", "p99")),
    }  # fmt: skip
    assert {one.metric for one in predict(scenario())} == metrics
    assert why_not(scenario()) == {}
    formulas = {one.metric: one.formula for one in predict(scenario(*SCENARIOS["constant writes"]))}
    assert formulas == {"response.mean": "M/D/1 of each order"}


def test_the_figures_are_those_of_the_textbook() -> None:
    one = scenario(
        "load.rate=200/s",
        "workload.orders=1",
        "workload.invalid_share=0",
        f"write_side.service={exponential('2500us')}",
        f"read_models.orders.service={exponential('2500us')}",
        "read_models.orders.transport=1ms",
    )
    # A load of 1/2: W = 1 / (400/s - 200/s).
    assert value_s(one, "response.mean") == pytest.approx(0.005)
    assert value_s(one, "response.p99") == pytest.approx(-0.005 * math.log(0.01))
    assert value_s(one, "lag.orders.mean") == pytest.approx(0.006)
    assert value_s(one, "lag.orders.p99") == pytest.approx(0.001 - 0.005 * math.log(0.01))


def test_invalid_commands_thin_the_events_and_some_take_no_turn() -> None:
    valid = scenario("workload.invalid_share=0", "load.rate=1000/s")
    half = scenario("workload.invalid_share=0.5", "load.rate=2000/s")
    assert value_s(half, "lag.orders.mean") == pytest.approx(value_s(valid, "lag.orders.mean"))
    # Of 2,000 a second 250 are answered at once, 250 meet an order of their own, 75 go to each.
    busy = 1 / (1 / 0.002 - 75.0)
    assert value_s(half, "response.mean") == pytest.approx(0.125 * 0.002 + 0.75 * busy)


@pytest.mark.parametrize(
    "settings",
    [
        ("workload.popularity=uniform",),
        ("workload.popularity=zipf",),
        ("workload.popularity=hot_set", "workload.hot_orders=3"),
        ("workload.popularity=hot_set", "workload.hot_orders=20", "workload.hot_share=1"),
    ],
)
def test_the_shares_of_the_orders_are_those_of_the_draws(settings: tuple[str, ...]) -> None:
    found = scenario(*settings)
    counts, shares = order_shares(found.workload)
    assert float(counts @ shares) == pytest.approx(1.0)
    assert counts.sum() == 20
    drawn = workload_of(found).popularity.draw(np.random.default_rng(0), 200_000)
    seen = np.bincount(drawn, minlength=20) / 200_000
    expected = np.repeat(shares, counts.astype(int))
    # Six standard errors of each of 20 counts.
    assert (np.abs(seen - expected) < 6 * np.sqrt(expected / 200_000)).all()


@pytest.mark.parametrize(
    ("settings", "metric", "reason"),
    [
        (("load.model=closed", "load.rate=none"), "response", 'load.model = "closed"'),
        (("load.process=constant",), "response", 'load.process = "constant"'),
        (
            ("load.rate=none", 'load.profile=[{duration="1s", start="1/s", end="9/s"}]'),
            "response",
            "load.profile",
        ),
        (("run.processors=2",), "lag.orders", "run.processors = 2"),
        (('write_side.pauses=[{at="1s", duration="1s"}]',), "lag.orders", "write_side.pauses"),
        (("write_side.replay=1ms",), "lag.orders", 'write_side.replay = "1ms"'),
        (("queries.share=0.1", "queries.strategy.by_id=write_side"), "response", "queries.strat"),
        (("queries.share=1",), "response", "queries.share = 1"),
        (("workload.kind=lifecycle",), "lag.orders", 'workload.kind = "lifecycle"'),
        (("write_side.handling=optimistic",), "lag.orders", 'write_side.handling = "optimistic"'),
        (("write_side.policy=reject",), "lag.orders", 'write_side.policy = "reject"'),
        (("load.rate=20000/s",), "response", "write_side: the busiest order is offered"),
        (
            ("write_side.service.distribution=real", "write_side.service.mean=0s"),
            "lag.orders",
            'write_side.service = "real"',
        ),
    ],
)
def test_a_scenario_that_breaks_a_condition_has_no_prediction_and_a_reason(
    settings: tuple[str, ...], metric: str, reason: str
) -> None:
    found = scenario(*settings)
    assert predict(found) == ()
    assert any(told.startswith(reason) for told in why_not(found)[metric])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ((f"write_side.service={constant('1ms')}",), "write_side.service.distribution"),
        (('read_models.orders.pauses=[{at="1s", duration="1s"}]',), "read_models.orders.pauses"),
        (
            ("read_models.orders.checkpoint=1us", "read_models.orders.batch=2"),
            'read_models.orders.checkpoint = "1us"',
        ),
        (("read_models.orders.poll=1us",), 'read_models.orders.poll = "1us"'),
        (("read_models.orders.service.mean=2ms",), "read_models.orders: it is offered 1.57 times"),
        (("workload.invalid_share=1",), "workload.invalid_share = 1"),
        (
            ("read_models.orders.service.distribution=real", "read_models.orders.service.mean=0s"),
            'read_models.orders.service = "real"',
        ),
    ],
)
def test_a_read_model_that_breaks_a_condition_alone_has_no_prediction(
    settings: tuple[str, ...], reason: str
) -> None:
    found = scenario(*settings)
    metrics = {one.metric for one in predict(found)}
    assert "response.mean" in metrics
    assert "lag.orders.mean" not in metrics
    assert why_not(found)["lag.orders"][0].startswith(reason)
    assert "response" not in why_not(found)


def test_batches_that_a_channel_of_one_makes_impossible_are_no_obstacle() -> None:
    settings = ("read_models.orders.checkpoint=1us", "read_models.orders.batch=9")
    assert "lag.orders" in why_not(scenario(*settings))
    assert "lag.orders" not in why_not(scenario(*settings, "read_models.orders.channel=1"))


def test_replications_are_measured_as_the_summary_measures() -> None:
    found = scenario("run.duration=20s", "run.warm_up=2s")
    result = simulation.run(found, engine="algebra", seed=3)
    predictions = predict(found)
    values = metric_values(result.trace, predictions, found.run.warm_up)
    assert values == pytest.approx([result.metrics[one.metric] for one in predictions], rel=1e-9)


# The check itself.


def test_a_prediction_that_is_off_is_outside() -> None:
    found = scenario()
    wrong = tuple(attrs.evolve(one, value_s=1.1 * one.value_s) for one in predict(found))
    checked = check_closed_forms(found, predicted=wrong)
    assert not checked.is_correct
    judged = {one.prediction.metric: one.judgement for one in checked.found}
    assert judged["response.mean"] == judged["lag.orders.mean"] == "outside"


def test_an_engine_whose_reads_take_a_tenth_longer_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compute = algebra.compute

    def slower(of: Scenario, *, seed: int) -> Trace:
        model = of.read_models["orders"]
        service = attrs.evolve(model.service, mean=Duration(model.service.mean * 11 // 10))
        models = {**of.read_models, "orders": attrs.evolve(model, service=service)}
        return compute(attrs.evolve(of, read_models=models), seed=seed)

    monkeypatch.setattr(algebra, "compute", slower)
    judged = {one.prediction.metric: one.judgement for one in check_closed_forms(scenario()).found}
    assert judged["lag.orders.mean"] == judged["lag.orders.p50"] == "outside"
    assert judged["response.mean"] == judged["lag.search.mean"] == "inside"


def test_an_interval_that_says_nothing_is_not_called_inside() -> None:
    found = scenario()
    checked = check_closed_forms(found)
    (first, *_) = checked.found
    centre = first.prediction.value_s
    vague = attrs.evolve(first.interval, low=0.0, high=10 * centre)
    assert attrs.evolve(first, interval=vague).judgement == "too wide"
    nothing = attrs.evolve(first.interval, low=None, high=None)
    assert attrs.evolve(first, interval=nothing).judgement == "too wide"


def test_the_run_is_long_enough_to_forget_that_it_began_empty() -> None:
    # A load of 0.86 at `search`.
    slow = scenario("read_models.search.service=" + exponential("1100us"), "run.duration=1s")
    relaxation_s = max(one.relaxation_s for one in predict(slow))
    checked = check_closed_forms(slow)
    assert checked.warm_up_s == pytest.approx(10 * relaxation_s)
    assert checked.duration_s - checked.warm_up_s == pytest.approx(400 * relaxation_s)
    assert checked.is_correct


def test_a_scenario_whose_steady_state_is_far_is_left_out_with_a_reason() -> None:
    slow = scenario("read_models.search.service=" + exponential("1265us"))
    checked = check_closed_forms(slow)
    (reason,) = checked.why_not["lag.search"]
    assert "operations each, more than 1,000,000" in reason
    assert {one.prediction.metric.rpartition(".")[0] for one in checked.found} == {
        "response", "lag.orders", "lag.statistics",
    }  # fmt: skip


def test_what_the_algebra_cannot_run_is_left_out_with_its_key() -> None:
    waits = scenario("queries.share=0.1", "queries.strategy.by_id=at_least")
    assert predict(waits)
    (reason,) = check_closed_forms(waits).why_not["replications"]
    assert reason.startswith('queries.strategy.by_id = "at_least"')


def test_nothing_predicted_is_nothing_run() -> None:
    told: list[tuple[int, int]] = []
    checked = check_closed_forms(
        scenario("load.process=constant"), progress=lambda *done: told.append(done)
    )
    assert (checked.found, told) == ((), [])
