"""Metrics by name, and values with units."""

from collections.abc import Mapping

import pytest
from summaries import SUMMARY

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import (
    Metrics,
    UnknownMetricError,
    Value,
    metric,
    metrics_of,
    parse_value,
)


def test_a_metric_is_found_by_its_whole_name_and_without_units() -> None:
    for name in ("lag_s.orders.p99", "lag.orders.p99", " lag.orders.p99 "):
        found = metric(SUMMARY, name)
        assert (found.name, found.whole_name) == ("lag.orders.p99", "lag_s.orders.p99")
        assert (found.value, found.unit, found.why) == (0.0125, "s", "")


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("rates.offered", 100.0, "per_s"),
        ("commands.dropped", 0.0, "number"),
        ("lag.orders.n", 900.0, "number"),
        ("queries.stale_share", 0.25, "number"),
        ("queries.p50", None, "s"),
        ("offered_load.write_side", 0.5, "number"),
        ("offered_load.write side", 0.5, "number"),
        ("reads.A.eventual.age.p50", 0.5, "s"),
    ],
)
def test_the_unit_is_that_of_the_innermost_key_that_names_one(
    name: str, value: float | None, unit: str
) -> None:
    found = metric(SUMMARY, name)
    assert (found.value, found.unit) == (value, unit)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("response.p99", "too few to tell: 900"),
        ("lag.search.p99", "withheld: search is saturated"),
        ("lag.statistics.p99", "40 of 900 had not happened when the run ended"),
        ("queries.p50", "nothing was measured"),
        ("rates.accepted", "there is no value"),
    ],
)
def test_a_metric_that_is_withheld_says_why(name: str, why: str) -> None:
    found = metric(SUMMARY, name)
    assert (found.value, found.why) == (None, why)


BEHIND: Mapping[str, Json] = {
    "answered_by": "search",
    "withheld": ["age_s", "response_s", "paid_mean_s"],
    "age_s": {"p50": None, "n": 900},
    "response_s": {"p50": None, "p99": None, "n": 900, "too_few": ["p99"]},
    "paid_mean_s": None,
    "versions_missing_mean": None,
}
IN_TIME: Mapping[str, Json] = {
    "answered_by": "orders",
    "withheld": [],
    "age_s": {"p50": None, "n": 0},
}
READS: Mapping[str, Json] = {
    **SUMMARY,
    "reads": {"A": {"at_least": BEHIND, "eventual": IN_TIME}, "C": {"eventual": IN_TIME}},
    "queries_s": {"p50": None, "n": 900, "censored": 3},
}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("reads.A.at_least.age.p50", "withheld: search is saturated"),
        ("reads.A.at_least.response.p50", "withheld: search is saturated"),
        ("reads.A.at_least.response.p99", "too few to tell: 900"),
        ("reads.A.at_least.paid_mean", "withheld: search is saturated"),
        ("reads.A.at_least.versions_missing_mean", "there is no value"),
        ("reads.A.eventual.age.p50", "nothing was measured"),
        ("reads.C.eventual.age.p50", "nothing was measured"),
        ("queries.p50", "withheld: search is saturated"),
    ],
)
def test_a_figure_of_reads_is_withheld_for_the_stage_that_they_wait_for(
    name: str, why: str
) -> None:
    assert metric(READS, name).why == why


def test_reads_that_wait_for_two_saturated_stages_name_both() -> None:
    late: Mapping[str, Json] = {**BEHIND, "answered_by": "write side"}
    both: Mapping[str, Json] = {**READS, "reads": {"A": {"at_least": BEHIND, "write_side": late}}}
    assert metric(both, "queries.p50").why == "withheld: search and write side are saturated"


def test_an_unknown_name_is_answered_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownMetricError, match=r"did you mean lag\.orders\.p99"):
        metric(SUMMARY, "lag.order.p99")
    with pytest.raises(UnknownMetricError, match="the names begin with commands, rates"):
        metric(SUMMARY, "zzz")


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "lag.", "lag.orders", "complete", "schema", "seed", "saturated", "lag..p99",
        "provenance.machine.cpus_count", "own_writes.witness.wrote", "lag.orders.too_few",
        "lag.orders.p99.x", "x" * 100_000, "a." * 5_000,
    ],
)  # fmt: skip
def test_what_is_no_number_of_the_system_is_no_metric(name: str) -> None:
    with pytest.raises(UnknownMetricError):
        metric(SUMMARY, name)


def test_all_metrics_are_numbers_or_withheld() -> None:
    found = metrics_of(SUMMARY)
    assert found["lag_s.search.p99"] is None
    assert found["commands.offered"] == 1000.0
    assert not {"schema", "seed", "complete", "own_writes.witness.wrote"} & set(found)


def test_a_mapping_of_metrics_takes_both_names_and_lists_the_whole_ones() -> None:
    metrics = Metrics(SUMMARY)
    assert metrics["lag.orders.p99"] == metrics["lag_s.orders.p99"] == 0.0125
    assert "lag_s.orders.p99" in metrics
    assert "lag.orders.p99" in metrics
    assert "lag.orders.p77" not in metrics
    assert len(metrics) == len(list(metrics)) == len(metrics_of(SUMMARY))
    with pytest.raises(KeyError, match="did you mean"):
        metrics["lag.orders.p9"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50ms", Value(0.05, "s")),
        (" 1.5 s ", Value(1.5, "s")),
        ("5 %", Value(0.05, "number", is_share=True)),
        ("5%", Value(0.05, "number", is_share=True)),
        ("0.99", Value(0.99, "number")),
        ("-3", Value(-3.0, "number")),
        ("800/s", Value(800.0, "per_s")),
        ("48k/min", Value(800.0, "per_s")),
    ],
)
def test_a_value_carries_its_unit(text: str, value: Value) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    "text", ["", "ms", "5 parsec", "1e3", "nan", "inf", "0x10", "1_000", "5%%"]
)
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_value(text)
