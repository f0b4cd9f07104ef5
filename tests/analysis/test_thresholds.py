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
from cqrs_sim.probe import Strategy
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


ASKED = {"GetOrderById": Strategy.AT_LEAST}


@pytest.mark.parametrize(
    "text",
    [
        "lag.orders.p99 < 5ms",
        "offered_load.orders < 90%",
        "offered_load.write_side < 90%",
        "backlog.orders.max < 100",
        "stages.read_models.orders.apply < 1ms",
        "reads.GetOrderById.at_least.response.p99 < 5ms",
        "reads.GetOrderById.at_least.stale_share == 0",
        "generator.hiccups.late < 5",
    ],
)
def test_a_name_that_the_run_will_have_is_accepted_before_it(text: str) -> None:
    assert len(parse_thresholds([text], template_for(("orders",), ASKED))) == 1


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("lag.search.p99 < 5ms", "did you mean lag.orders.p99"),
        ("lag.orders.p99 < 5", "is a duration"),
        ("lag.orders.p99 < 50/s", "is a duration"),
        ("rates.accepted > 5ms", "is a rate"),
        ("own_writes.queries_that_mised == 0", "did you mean own_writes.queries_that_missed"),
        ("commands.offered < 5%", "commands.offered is a count: write it as a plain number"),
        ("lag.orders.censored < 1%", "is a count"),
        ("offered_load.whatever < 90%", "unknown metric"),
        ("checks_of_tomorrow.x < 1", "unknown metric"),
        ("checks.stamps.ok == 1", "unknown metric"),
        ("seed == 0", "unknown metric"),
        ("scenario == 3", "unknown metric"),
        ("schema < 2", "unknown metric"),
        ("complete == 1", "unknown metric"),
        ("warm_up == 1s", "unknown metric"),
        ("reads.GetOrderById.at_least.response.p99 < 5", "is a duration"),
        ("reads.GetOrderById.eventual.response.p99 < 5ms", "unknown metric"),
    ],
)
def test_a_name_that_it_will_not_have_or_a_wrong_unit_is_refused_before_it(
    text: str, mistake: str
) -> None:
    with pytest.raises(InvalidScenarioError, match=mistake):
        parse_thresholds([text], template_for(("orders",), ASKED))


def test_what_only_the_run_can_tell_is_told_after_it() -> None:
    template = template_for(("orders",))
    assert known_before(template, "generator.hiccups.late") is None
    assert known_before(template, "lag.orders.p99") is not None
    assert verdict("generator.hiccups.late < 5").is_unknown
    assert not verdict("response.p99 < 1h").is_unknown


@pytest.mark.parametrize(
    "text",
    ["lag.orders.p99 < -5ms", "lag.orders.p99 < 0s", "lag.orders.p99 > -5ms",
     "rates.accepted < -1/s", "commands.dropped == -1"],
)  # fmt: skip
def test_a_limit_below_what_there_can_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no metric is ever below 0"):
        parse_threshold(text)


@pytest.mark.parametrize("limit", ["> 100%", "> 2", "< 150%", "== 1.01"])
def test_a_limit_above_what_a_share_can_be_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match="a share is never above 100%"):
        parse_threshold(f"reads.GetOrderById.at_least.stale_share {limit}")


@pytest.mark.parametrize(
    "text", ["commands.dropped == 0", "lag.orders.p99 <= 0s", "a_share <= 100%", "a_share == 1"]
)
def test_the_ends_of_the_possible_are_limits(text: str) -> None:
    assert parse_threshold(text).expression == text


def test_verdicts_are_plain_json() -> None:
    assert verdict("commands.dropped == 0").to_json() == {
        "expression": "commands.dropped == 0",
        "value": 0.0,
        "unit": "number",
        "ok": True,
        "reason": "",
    }
