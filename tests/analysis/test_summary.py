"""What `summary.json` holds."""

import json
import math
from collections.abc import Mapping

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.lag import consistency_lag_s, events_after
from cqrs_sim.analysis.metrics import metric, metrics_of
from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.summary import summarise
from cqrs_sim.probe import Outcome

SECOND = 1_000_000_000
OVERLOAD = Plan(seconds=20.0, drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))
FIGURES = {"p50", "p90", "p99", "p999", "max", "mean"}
SAMPLE_KEYS = FIGURES | {"n", "censored", "too_few", "bounds"}


def test_the_summary_has_the_fields_that_others_read() -> None:
    summary = summarise(make_trace(), scenario="x", engine="virtual", seed=7).to_json()
    assert list(summary) == [
        "schema",
        "engine",
        "seed",
        "scenario",
        "complete",
        "warm_up_s",
        "commands",
        "rates_per_s",
        "response_s",
        "served_response_s",
        "lag_s",
        "visibility_s",
        "queries",
        "queries_s",
        "reads",
        "own_writes",
        "rehydration",
        "cache",
        "generator",
        "stages_s",
        "backlog",
        "warm_up",
        "intervals",
        "offered_load",
        "saturated",
        "databases",
        "delivery",
        "attempts",
        "episodes",
        "invalid",
        "checks",
        "provenance",
    ]
    found = json.loads(json.dumps(summary, allow_nan=False))
    assert (found["schema"], found["engine"], found["seed"]) == (1, "virtual", 7)
    assert (found["scenario"], found["complete"], found["warm_up_s"]) == ("x", True, 0.0)
    assert list(found["commands"]) == [
        "offered",
        "accepted",
        "rejected",
        "refused",
        "dropped",
        "conflict",
        "unknown",
        "repeated",
        "unfinished",
    ]
    assert set(found["rates_per_s"]) == {"offered", "accepted", "applied"}
    assert set(found["response_s"]) == set(found["queries_s"]) == SAMPLE_KEYS
    assert set(found["lag_s"]) == {"orders", "search"}
    assert set(found["lag_s"]["search"]) == SAMPLE_KEYS
    assert set(found["visibility_s"]["orders"]) == SAMPLE_KEYS
    assert found["saturated"] == found["invalid"] == []
    assert found["checks"]["conservation"]["ok"] is True


def test_commands_offered_are_the_sum_of_their_outcomes() -> None:
    trace = make_trace()
    counts = summarise(trace).commands
    assert sum(counts.values()) == len(trace.commands)
    assert counts[Outcome.ACCEPTED] == len(trace.events)


def test_the_warm_up_is_left_out_of_everything_but_the_checks() -> None:
    trace = make_trace()
    whole, cut = summarise(trace), summarise(trace, warm_up_ns=4 * SECOND)
    assert cut.warm_up_s == 4.0
    assert sum(cut.commands.values()) == np.count_nonzero(
        trace.commands.intended.astype(np.int64) >= 4 * SECOND
    )
    rows = events_after(trace, 4 * SECOND)
    lag = cut.lag_s["search"]
    assert lag.n == np.count_nonzero(rows) < whole.lag_s["search"].n
    assert [lag.p50, lag.p90] == quantiles(consistency_lag_s(trace, "search")[rows], (0.5, 0.9))
    assert sum(read.answered for read in cut.reads.rows) == cut.queries.answered
    assert 0 < cut.own_writes.queries < whole.own_writes.queries
    assert cut.backlog["search"].age_max_s <= whole.backlog["search"].age_max_s
    assert cut.warm_up.cut_s == 4.0
    assert cut.queries.offered < whole.queries.offered
    assert cut.rates_per_s.offered == pytest.approx(1000.0, rel=0.05)
    assert cut.checks == whole.checks


def test_rates_are_per_second_of_the_load_period() -> None:
    rates = summarise(make_trace(OVERLOAD)).rates_per_s
    assert rates.offered == pytest.approx(1000.0, rel=0.05)
    assert rates.accepted == pytest.approx(980.0, rel=0.05)
    assert rates.applied == pytest.approx(1 / 0.0013, rel=0.05)


def test_the_percentiles_of_a_saturated_read_model_are_withheld() -> None:
    summary = summarise(make_trace(OVERLOAD))
    assert [load.stage for load in summary.saturated] == ["search"]
    found = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    search = found["lag_s"]["search"]
    assert all(search[key] is None for key in FIGURES)
    assert search["n"] > search["censored"] > 0
    assert found["lag_s"]["orders"]["p99"] > 0
    assert found["response_s"]["p99"] > 0
    (saturated,) = found["saturated"]
    assert set(saturated) == {
        "stage",
        "offered_load",
        "offered_per_s",
        "saturates_at_per_s",
        "slope_per_s",
        "reasons",
    }
    assert saturated["saturates_at_per_s"] == pytest.approx(1 / 0.0013, rel=0.05)
    assert found["offered_load"]["search"] == saturated["offered_load"] > 1.0


def test_reads_that_wait_for_a_saturated_read_model_are_withheld_with_the_response_of_all() -> None:
    """The first read model answers, and falls behind."""
    trace = make_trace(attrs.evolve(OVERLOAD, read_ns=(("orders", 1_300_000), ("search", 500_000))))
    eventual = summarise(trace)
    missing = ("versions_missing_mean", "versions_missing_max")
    assert {row.kind: row.withheld for row in eventual.reads.rows} == {
        "GetOrderById": ("age_s", *missing),
        "GetOrderStatistics": ("age_s",),
    }
    for of in ("queries", "reads.GetOrderById.eventual"):
        for name in missing:
            found = metric(eventual.to_json(), f"{of}.{name}")
            assert (found.value, found.why) == (None, "withheld: orders is saturated")
    assert eventual.queries_s.p50 == 0.0
    waiting = attrs.evolve(trace.queries, strategy=np.ones_like(trace.queries.strategy))
    late = summarise(attrs.evolve(trace, queries=waiting))
    assert (late.queries_s.p50, late.queries_s.n) == (None, eventual.queries_s.n)
    row = late.reads.of("GetOrderById", "at_least")
    assert row is not None
    assert (row.response_s.p50, row.age_s.p50) == (None, None)
    name = "reads.GetOrderById.at_least.age.p50"
    assert metric(late.to_json(), name).why == "withheld: orders is saturated"


def test_refusing_commands_makes_none_of_the_served_look_fast() -> None:
    trace = make_trace()
    outcome, answered = trace.commands.outcome.copy(), trace.commands.acknowledged.copy()
    refused = slice(0, len(outcome), 4)
    outcome[refused], answered[refused] = Outcome.REFUSED, trace.commands.submitted[refused]
    commands = attrs.evolve(trace.commands, outcome=outcome, acknowledged=answered)
    kept, all_told = summarise(trace), summarise(attrs.evolve(trace, commands=commands))
    assert kept.served_response_s == kept.response_s
    response, served = all_told.response_s, all_told.served_response_s
    assert response.p50 is not None
    assert kept.response_s.p50 is not None
    assert served.p50 is not None
    assert response.p50 < kept.response_s.p50 < served.p50
    assert (served.p90, served.max, served.mean) == (None, None, None)
    assert (served.n, served.censored) == (response.n, len(outcome[refused]))
    assert response.censored == 0


def test_the_response_times_of_a_saturated_write_side_are_withheld() -> None:
    summary = summarise(make_trace(Plan(orders=1, write_ns=1_300_000, drain_s=1.0)))
    assert [load.stage for load in summary.saturated] == [WRITE_SIDE]
    assert summary.response_s.p50 is None
    assert summary.response_s.censored == summary.commands[Outcome.UNFINISHED] > 0
    assert summary.lag_s["orders"].p90 is not None


def test_of_a_saturated_read_model_bounds_are_shown_in_place_of_percentiles() -> None:
    trace = make_trace(OVERLOAD)
    found = json.loads(json.dumps(summarise(trace).to_json(), allow_nan=False))
    search = found["lag_s"]["search"]
    low, high = search["bounds"]["p50"]
    lag_s = consistency_lag_s(trace, "search")
    assert high == quantiles(lag_s, (0.5,))[0]
    assert 0.0 < low <= high
    # More than a tenth was never seen: the p90 is longer than something, nobody knows how long.
    assert search["bounds"]["p90"][0] > high
    assert search["bounds"]["p90"][1] is None
    assert found["lag_s"]["orders"]["bounds"] == {}
    assert found["intervals"]["lag_s"]["search"] is None
    assert found["warm_up"]["lag"]["search"] == {"mser5_s": None, "opinion": "saturated"}
    assert found["backlog"]["search"]["at_end"] == search["censored"]


def test_a_steady_run_that_was_cut_off_is_estimated_by_kaplan_and_meier() -> None:
    """Half a second after its last event a run ends, with some events unseen."""
    trace = make_trace(Plan(seconds=20.0, drain_s=0.0, read_ns=(("orders", 900_000),)))
    lag, complete = summarise(trace).lag_s["orders"], consistency_lag_s(trace, "orders")
    assert 0 < lag.censored < 0.05 * lag.n
    assert lag.p99 is not None
    dropped = quantiles(complete[~np.isnan(complete)], (0.99,))[0]
    assert dropped is not None
    low, high = lag.bounds["p99"]
    assert (low or 0.0) <= dropped <= lag.p99 <= (high or np.inf)


def test_too_much_that_is_censored_though_steady_makes_the_measurement_invalid() -> None:
    trace = make_trace(Plan(seconds=20.0))
    applied = trace.deliveries.applied.copy()
    # Of the first half, so that the backlog does not grow in the last.
    applied[:2000] = np.timedelta64("NaT", "ns")
    cut = attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, applied=applied))
    assert summarise(trace).invalid == ()
    (reason,) = summarise(cut).invalid
    assert reason.startswith("too much is censored: orders did not come to show 10")
    assert summarise(cut, complete=False).invalid == ()


def test_intervals_of_one_run_are_about_its_figures_and_marked_as_weaker() -> None:
    trace = make_trace(Plan(seconds=20.0))
    summary = summarise(trace)
    found = json.loads(json.dumps(summary.to_json(), allow_nan=False))["intervals"]
    for interval, sample in (
        (found["response_s"], summary.response_s),
        (found["lag_s"]["orders"], summary.lag_s["orders"]),
    ):
        assert interval["p99"]["low"] < sample.p99 < interval["p99"]["high"]
        assert interval["p99"]["mean"] == sample.p99
        assert interval["mean"]["mean"] == pytest.approx(sample.mean)
        assert {i["method"] for i in interval.values()} == {
            "batch means (single run)",
            "sectioning (single run)",
        }


def test_the_mean_stages_sum_to_the_mean_lag() -> None:
    trace = make_trace()
    summary = summarise(trace, warm_up_ns=SECOND)
    for name, stages in summary.read_stages_s.items():
        assert stages.whole == summary.lag_s[name].mean
        assert math.fsum(part or 0.0 for part in stages.parts.values()) == pytest.approx(
            stages.whole, rel=1e-12
        )
    write = summary.write_stages_s
    assert list(write.parts) == ["slip", "queueing", "service", "reply"]
    assert math.fsum(part or 0.0 for part in write.parts.values()) == pytest.approx(
        write.whole, rel=1e-12
    )


def withheld_stages(summary: Mapping[str, Json]) -> dict[str, str]:
    found = {name for name in metrics_of(summary) if name.startswith("stages_s.")}
    return {name: metric(summary, name).why for name in found if metric(summary, name).why}


def test_what_grows_in_the_stages_of_a_saturated_read_model_is_no_metric() -> None:
    """The mean over the events that got through leaves out those that waited longest."""
    summary = summarise(make_trace(OVERLOAD))
    assert withheld_stages(summary.to_json()) == dict.fromkeys(
        [f"stages_s.read_models.search.{part}" for part in ("fan_out", "channel", "lag")],
        "withheld: search is saturated",
    )
    stages, lag = summary.read_stages_s["search"], summary.lag_s["search"]
    assert stages.n == lag.n - lag.censored
    assert stages.parts["apply"] == pytest.approx(0.0013, rel=0.05)


def test_nor_is_what_queues_before_a_saturated_write_side() -> None:
    summary = summarise(make_trace(attrs.evolve(OVERLOAD, orders=1, write_ns=1_200_000)))
    assert WRITE_SIDE in {stage.stage for stage in summary.saturated}
    found = withheld_stages(summary.to_json())
    assert {name: why for name, why in found.items() if "write_side" in name} == dict.fromkeys(
        [f"stages_s.write_side.{part}" for part in ("queueing", "response")],
        "withheld: write side is saturated",
    )


def test_nor_a_mean_from_which_the_end_of_the_run_has_cut_the_longest_off() -> None:
    plan = Plan(seconds=5.0, drain_s=0.0, read_ns=(("orders", 500_000), ("search", 800_000)))
    summary = summarise(make_trace(plan))
    lag = summary.lag_s["search"]
    assert not summary.saturated
    assert lag.censored
    assert withheld_stages(summary.to_json())["stages_s.read_models.search.lag"] == (
        f"{lag.censored} of {lag.n} had not happened when the run ended"
    )


def test_stale_answers_are_counted() -> None:
    trace = make_trace()
    queries = summarise(trace).queries
    missing = trace.queries.versions_missing
    assert queries.offered == queries.answered == len(trace.queries)
    assert queries.about_one_order == np.count_nonzero(trace.queries.order >= 0)
    assert queries.stale == np.count_nonzero(missing > 0) > 0
    assert queries.versions_missing_max == np.nanmax(missing)


def test_an_empty_trace_has_a_valid_summary() -> None:
    summary = summarise(make_trace(Plan(rate_per_s=0.0)))
    found = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    assert found["response_s"]["p99"] is None
    assert found["lag_s"]["orders"]["n"] == 0
    assert found["stages_s"]["read_models"]["orders"]["lag"] is None
    assert found["rates_per_s"]["offered"] == 0.0
    assert summary.is_correct


def test_a_warm_up_of_the_whole_run_leaves_an_empty_summary() -> None:
    trace = make_trace()
    summary = summarise(trace, warm_up_ns=trace.ended_ns)
    assert summary.rates_per_s.offered is None
    assert summary.response_s.n == 0
    json.dumps(summary.to_json(), allow_nan=False)


def test_checks_of_the_engine_stand_beside_those_of_the_trace() -> None:
    diverged = CheckResult(name="convergence", ok=False, detail="orders differs", witness=(3,))
    summary = summarise(make_trace(), checks=[diverged])
    assert not summary.is_correct
    found = json.loads(json.dumps(summary.to_json()))
    assert found["checks"]["convergence"] == {
        "ok": False,
        "detail": "orders differs",
        "witness": [3],
    }


def test_the_deadline_does_not_bind_a_run_that_was_cut_short() -> None:
    trace = make_trace(OVERLOAD)
    late = trace.ended_ns + SECOND
    assert not summarise(trace, deadline_ns=late).is_correct
    assert summarise(trace, deadline_ns=late, complete=False).is_correct
