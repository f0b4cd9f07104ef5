"""Thresholds: their text, and the verdicts on a summary."""

import pytest
from summaries import SUMMARY

from cqrs_sim.analysis.thresholds import (
    Verdict,
    judge,
    known_before,
    parse_threshold,
    parse_thresholds,
)
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.simulation import template_for


def verdict(text: str) -> Verdict:
    (found,) = judge([parse_threshold(text)], SUMMARY)
    return found


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("lag.orders.p99 < 12500us", False),
        ("lag.orders.p99 <= 12500us", True),
        ("lag.orders.p99 > 12500us", False),
        ("lag.orders.p99 >= 12500us", True),
        ("lag.orders.p99 == 12500us", True),
        ("lag.orders.p99<13ms", True),
        ("rates.offered >= 101/s", False),
        ("commands.dropped == 0", True),
        ("queries.stale_share < 20%", False),
    ],
)
def test_a_threshold_compares_in_the_metrics_unit(text: str, ok: bool) -> None:
    found = verdict(text)
    assert found.ok is ok
    assert found.reason == ""
    assert found.value is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lag.search.p99 < 1h", "withheld: search is saturated"),
        ("response.p99 < 1h", "too few to tell: 900"),
        ("response.p99 > 0s", "too few to tell: 900"),
        ("lag.order.p99 < 1h", "unknown metric; did you mean lag.orders.p99"),
        ("lag.orders.p99 < 5", 'lag.orders.p99 is a duration: write it like "50ms"'),
        ("rates.offered > 5", 'rates.offered is a rate: write it like "800/s"'),
        ("commands.dropped < 5s", "commands.dropped is a number"),
    ],
)
def test_what_cannot_be_checked_was_not_kept(text: str, reason: str) -> None:
    found = verdict(text)
    assert not found.ok
    assert reason in found.reason


@pytest.mark.parametrize(
    "text",
    ["", "lag.orders.p99", "< 5ms", "a < b < 5ms", "a != 5ms", "a =< 5ms", "a < ", "a < 5 parsec",
     "x" * 10_000 + " < 5ms"],
)  # fmt: skip
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_threshold(text)


def test_every_mistake_is_a_line() -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        parse_thresholds(["nonsense", "lag.orders.p99 < 5ms", "a \x1b[31m< x"])
    assert len(caught.value.mistakes) == 2
    assert all(line.startswith('threshold "') for line in caught.value.mistakes)
    assert all(line.isprintable() for line in caught.value.mistakes)


def test_names_and_units_are_checked_before_the_run_as_far_as_they_can_be() -> None:
    template = template_for(("orders",))
    good = ("lag.orders.p99 < 5ms", "offered_load.orders < 90%", "checks_of_tomorrow.x < 1")
    assert len(parse_thresholds(good[:2], template)) == 2
    assert known_before(template, "offered_load.whatever") is None
    assert known_before(template, "reads.GetOrderById.at_least.response.p99") is None
    for text, mistake in (
        ("lag.search.p99 < 5ms", "did you mean lag.orders.p99"),
        ("lag.orders.p99 < 5", "is a duration"),
        ("own_writes.queries_that_mised == 0", "did you mean own_writes.queries_that_missed"),
        (good[2], "unknown metric"),
    ):
        with pytest.raises(InvalidScenarioError, match=mistake):
            parse_thresholds([text], template)


def test_verdicts_are_plain_json() -> None:
    assert verdict("commands.dropped == 0").to_json() == {
        "expression": "commands.dropped == 0",
        "value": 0.0,
        "unit": "number",
        "ok": True,
        "reason": "",
    }
