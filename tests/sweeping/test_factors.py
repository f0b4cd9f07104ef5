"""Factors: what a text means, and what it is told when it means nothing."""

import pytest

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.sweeping.factors import Factor, parse_factors

RATE = "load.rate"


def factor(text: str) -> Factor:
    (found,) = parse_factors([text])
    return found


def texts(text: str) -> list[str]:
    return [level.text for level in factor(text).levels]


def mistakes(*given: str) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as caught:
        parse_factors(given)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("load.rate=400/s, 800/s", ["400/s", "800/s"]),
        ("load.rate=48k/min", ["800/s"]),
        ("write_side.mailbox=1,5,25", ["1", "5", "25"]),
        ("workload.popularity=uniform,zipf", ["uniform", "zipf"]),
        ("queries.share=10%,0.5", ["0.1", "0.5"]),
        (" load . rate = 400/s", ["400/s"]),
    ],
)
def test_levels_are_values_of_the_key(text: str, shown: list[str]) -> None:
    assert texts(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("load.rate=100/s..400/s:lin:4", ["100/s", "200/s", "300/s", "400/s"]),
        ("load.rate=100/s..10k/s:log:3", ["100/s", "1000/s", "10000/s"]),
        ("write_side.mailbox=1..3:log:9", ["1", "2", "3"]),
        ("read_models.orders.service.mean=0ms..1ms:lin:3", ["0s", "500us", "1ms"]),
        ("queries.share=0.0..1.0:lin:3", ["0.0", "0.5", "1.0"]),
        ("load.rate=1000/s..1001/s:lin:3", ["1000/s", "1000.5/s", "1001/s"]),
        ("load.rate=100.12345/s..200/s:lin:2", ["100.12345/s", "200/s"]),
    ],
)
def test_a_range_is_spaced_evenly_and_keeps_its_ends(text: str, shown: list[str]) -> None:
    assert texts(text) == shown


def test_numbers_are_in_seconds_or_per_second_and_words_have_none() -> None:
    assert [level.number for level in factor("load.rate=60/min").levels] == [1.0]
    assert [level.number for level in factor("run.warm_up=5ms").levels] == [0.005]
    assert [level.number for level in factor("write_side.policy=reject").levels] == [None]


def test_a_column_names_its_unit() -> None:
    assert factor("load.rate=1/s").column == "load.rate_per_s"
    assert factor("run.warm_up=5ms").column == "run.warm_up_s"
    assert factor("write_side.mailbox=5").column == "write_side.mailbox"
    assert factor("write_side.policy=reject").column == "write_side.policy"


def test_a_range_without_a_number_of_levels_gives_any_value_in_it() -> None:
    found = factor("load.rate=100/s..10k/s:log")
    assert found.levels == ()
    assert found.level(0.5).text == "1000/s"


def test_dots_of_a_path_are_no_range() -> None:
    assert texts("load.log=../a.csv,../b.csv") == ["../a.csv", "../b.csv"]


def test_every_mistake_is_told_at_once_and_in_the_words_of_a_scenario() -> None:
    example = "load.rate=200/s..1600/s:log:9 or load.rate=400/s,800/s"
    assert mistakes("load.rat=1/s", "load.rate=800", "load.rate", "run=1s") == (
        "load.rat: unknown key; did you mean load.rate?",
        'load.rate = 800: a rate needs a unit, such as "800/s"',
        f'--vary "load.rate": must be path=values, such as {example}',
        "run: holds no single value; name a key in it",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("load.rate=9/s..1/s:lin:3", "the first must be the lesser"),
        ("queries.share=0.0..1.0:log:3", "spacing log must begin above 0"),
        ("load.rate=1/s..9/s:cubic:3", 'spacing "cubic": must be lin or log'),
        ("load.rate=1/s..9/s:lin:1", "1 levels: must be from 2 to 1,000"),
        ("load.rate=1/s..9:lin:3", 'a rate needs a unit, such as "9/s"'),
        ("load.rate=1/s,2/s,1/s", "stands twice among its levels"),
        ("write_side.policy=reject..block:lin:2", "must be one of"),
    ],
)
def test_a_wrong_range_or_level_is_told_with_key_and_remedy(text: str, told: str) -> None:
    (mistake,) = mistakes(text)
    assert told in mistake
    assert mistake.startswith(text.partition("=")[0])
