"""Replications: intervals over seeds, and when there are enough of them."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import metric
from cqrs_sim.analysis.replicated import (
    Until,
    is_known_well,
    parse_until,
    replicated,
    replications_from,
)


def summary(p99: float | None, *, ok: bool = True) -> Mapping[str, Json]:
    return {
        "schema": 1,
        "commands": {"offered": 100, "dropped": 0},
        "lag_s": {"orders": {"p99": p99, "n": 100, "censored": 0}},
        "invalid": [] if ok else ["late"],
        "checks": {"positions": {"ok": ok, "detail": "", "witness": []}},
    }


VALUES = np.random.default_rng(3).normal(0.010, 0.001, 12).tolist()


def test_the_interval_is_students_over_the_seeds() -> None:
    found = replicated(range(5), [summary(value) for value in VALUES[:5]])
    interval = found.interval("lag_s.orders.p99")
    half = 2.7764451 * np.std(VALUES[:5], ddof=1) / np.sqrt(5)
    assert interval is not None
    assert interval.mean == pytest.approx(np.mean(VALUES[:5]))
    assert interval.high == pytest.approx(np.mean(VALUES[:5]) + half)


def test_a_metric_that_is_withheld_once_has_no_interval() -> None:
    """Leaving out the run in which it was withheld would flatter the others."""
    found = replicated(range(3), [summary(0.01), summary(None), summary(0.02)])
    assert found.interval("lag_s.orders.p99") is None
    assert found.summary(summary(0.01))["lag_s"] == {
        "orders": {"p99": None, "n": 100, "censored": 0}
    }
    written = found.to_json()["metrics"]
    assert isinstance(written, Mapping)
    assert written["lag_s.orders.p99"] == {
        "mean": None, "low": None, "high": None, "n": 2, "values": [0.01, None, 0.02],
        "why": "there is no value",
    }  # fmt: skip


def test_why_a_metric_is_withheld_is_told_whichever_seed_it_is_in() -> None:
    saturated: Mapping[str, Json] = {
        **summary(None),
        "saturated": [{"stage": "orders", "offered_load": 1.2, "saturates_at_per_s": 5.0}],
    }
    found = replicated(range(3), [summary(0.01), saturated, summary(0.02)])
    again = replications_from(json.loads(json.dumps(found.to_json())))
    assert again == found
    for replications in (found, again):
        text = replications.why_withheld(metric(summary(0.01), "lag.orders.p99"))
        assert text == "withheld in 1 of 3 replications: orders is saturated"
    first = replicated(range(2), [saturated, summary(0.01)])
    text = first.why_withheld(metric(saturated, "lag.orders.p99"))
    assert text == "withheld in 1 of 2 replications: orders is saturated"


def test_one_replication_has_no_interval() -> None:
    assert replicated([4], [summary(0.01)]).interval("lag_s.orders.p99") is None


def test_the_summary_of_all_holds_their_means() -> None:
    found = replicated(range(2), [summary(0.01), summary(0.03)])
    assert found.summary(summary(0.01))["lag_s"] == {
        "orders": {"p99": pytest.approx(0.02), "n": 100, "censored": 0}
    }


def test_seeds_of_runs_that_failed_are_named() -> None:
    found = replicated([7, 8], [summary(0.01), summary(0.01, ok=False)])
    assert found.incorrect == found.invalid == (8,)


def test_what_is_written_can_be_read() -> None:
    found = replicated(
        range(12),
        [summary(value) for value in VALUES],
        until=Until("lag.orders.p99", 0.05),
        is_narrow=False,
    )
    assert replications_from(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("seeds", "x", "seeds must be"),
        ("seeds", [1, 1], "stands twice"),
        ("seeds", [1, 2, 3], "a value a seed"),
        ("seeds", [True, 2], "seeds must be"),
        ("metrics", [], "metrics must be"),
        ("metrics", {"a": {"values": [1.0, "x"]}}, "no number"),
        ("metrics", {"a": {"values": [1.0, float("inf")]}}, "must lie from 0 to"),
        ("metrics", {"a": {"values": [1.0, float("nan")]}}, "must lie from 0 to"),
        ("metrics", {"a": {"values": [1.0, 1e308]}}, "must lie from 0 to"),
        ("metrics", {"a": {"values": [1.0, -0.001]}}, "must lie from 0 to"),
        ("metrics", {"a": 3}, "a value a seed"),
        ("metrics", {"a": {"values": [1.0, None], "why": 3}}, "why of 'a' must be a text"),
        ("metrics", {"a": {"values": [1.0, None], "why": "x" * 1001}}, "at most 1000"),
        ("incorrect", None, "incorrect must be"),
        ("until", {"expression": "x"}, "must be a metric and a share"),
    ],
)
def test_what_is_no_replications_is_refused(key: str, value: Json, mistake: str) -> None:
    written = replicated(range(2), [summary(0.01), summary(0.02)]).to_json()
    with pytest.raises(ValueError, match=mistake):
        replications_from({**written, key: value})


@pytest.mark.parametrize(
    "text", ["lag.orders.p99 ±5%", "lag.orders.p99 +-5%", " lag.orders.p99  +/- 5 % "]
)
def test_a_rule_is_a_metric_and_a_share(text: str) -> None:
    until = parse_until(text)
    assert until == Until("lag.orders.p99", 0.05)
    assert parse_until(until.expression) == until


@pytest.mark.parametrize(
    "text", ["", "lag", "lag ±", "lag ±5", "lag ±0%", "lag ±100%", "lag +5%", "±5%"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_until(text)


def test_a_rule_is_met_when_the_interval_is_narrow_and_not_before_ten() -> None:
    close = [summary(0.01 + 1e-6 * n) for n in range(12)]
    until = Until("lag.orders.p99", 0.05)
    assert not is_known_well(until, close[:9])
    assert is_known_well(until, close[:10])
    wide = [summary(value) for value in VALUES]
    assert not is_known_well(Until("lag.orders.p99", 0.01), wide)


def test_a_rule_on_a_metric_that_is_withheld_is_never_met() -> None:
    summaries = [summary(0.01) for _ in range(11)]
    until = Until("lag.orders.p99", 0.05)
    assert is_known_well(until, summaries)
    assert not is_known_well(until, [*summaries, summary(None)])


def test_a_metric_that_no_run_has_is_not_known_well() -> None:
    rule = parse_until("reads.GetOrderById.evntual.age.mean ±5%")
    assert not is_known_well(rule, [{"lag_s": {"orders": {"p50": 0.1}}}] * 3)
