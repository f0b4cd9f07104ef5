"""The keys that say how fresh a read is to be, and when a stage stands still."""

import pytest
from fakes import SECOND

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Pause, Queries, QueryStrategies, Scenario, WriteSide
from cqrs_sim.scenario.units import Duration

LOAD = 'load = { rate = "100/s" }\n'


def mistakes_of(text: str, *settings: str) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(LOAD + text, settings)
    return tuple(caught.value.mistakes)


def test_every_read_is_eventual_unless_it_is_told_otherwise() -> None:
    strategy = read_scenario(LOAD).queries.strategy
    assert strategy == QueryStrategies()
    assert {strategy.by_id, strategy.by_customer, strategy.by_status, strategy.statistics} == {
        "eventual"
    }


def test_a_strategy_is_chosen_for_each_kind_of_query() -> None:
    text = '[queries.strategy]\nby_id = "write_side"\nstatistics = "at_least"'
    scenario = read_scenario(LOAD + text, ["queries.timeout=20ms"])
    assert scenario.queries.strategy == QueryStrategies(by_id="write_side", statistics="at_least")
    assert scenario.queries.timeout == 20_000_000
    assert read_scenario(to_toml(scenario)) == scenario


@pytest.mark.parametrize("query", ["by_customer", "by_status", "statistics"])
def test_the_write_side_answers_reads_by_id_only(query: str) -> None:
    (mistake,) = mistakes_of(f'queries.strategy.{query} = "write_side"')
    assert mistake == (
        f'queries.strategy.{query} = "write_side": an order actor knows its own order alone, so '
        'only by_id can ask it; use "eventual" or "at_least"'
    )


def test_an_unknown_strategy_is_refused_with_the_nearest() -> None:
    (mistake,) = mistakes_of('queries.strategy.by_id = "at_most"')
    assert 'must be one of "eventual", "at_least", "write_side"' in mistake


def test_reads_from_the_write_side_need_no_read_model_and_others_do() -> None:
    text = "queries.share = 0.5\n[read_models.search]"
    assert mistakes_of(text) == (
        (
            "queries.mix.by_id = 1: is answered by the read model orders, which the scenario does "
            "not have"
        ),
    )
    read_scenario(LOAD + text, ["queries.strategy.by_id=write_side"])


def test_a_scenario_in_python_is_held_to_the_same_rules() -> None:
    with pytest.raises(InvalidScenarioError, match="only by_id can ask it"):
        Scenario(queries=Queries(strategy=QueryStrategies(by_status="write_side")))
    with pytest.raises(InvalidScenarioError, match=r"write_side\.pauses\[1\]\.at = \"2s\""):
        Scenario(
            write_side=WriteSide(
                pauses=(
                    Pause(at=Duration(SECOND), duration=Duration(3 * SECOND)),
                    Pause(at=Duration(2 * SECOND), duration=Duration(SECOND)),
                )
            )
        )


def test_pauses_are_read_as_tables_in_order() -> None:
    text = """
    [[write_side.pauses]]
    at = "10s"
    duration = "2s"
    [[write_side.pauses]]
    at = "12s"
    duration = "1s"
    [[read_models.orders.pauses]]
    at = "0s"
    duration = "1ms"
    """
    scenario = read_scenario(LOAD + text)
    assert [(p.at, p.duration) for p in scenario.write_side.pauses] == [
        (10 * SECOND, 2 * SECOND),
        (12 * SECOND, SECOND),
    ]
    assert scenario.read_models["orders"].pauses == (
        Pause(at=Duration(0), duration=Duration(1_000_000)),
    )
    assert read_scenario(to_toml(scenario)) == scenario


def test_pauses_can_be_set_and_taken_away_from_the_command_line() -> None:
    (pause,) = read_scenario(
        LOAD, ['write_side.pauses=[{ at = "1s", duration = "2s" }]']
    ).write_side.pauses
    assert (pause.at, pause.duration) == (SECOND, 2 * SECOND)
    text = 'write_side.pauses = [{ at = "1s", duration = "2s" }]'
    assert read_scenario(LOAD + text, ["write_side.pauses=[]"]).write_side.pauses == ()


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            (
                '[[write_side.pauses]]\nat = "5s"\nduration = "2s"\n'
                '[[write_side.pauses]]\nat = "6s"\nduration = "2s"'
            ),
            (
                'write_side.pauses[1].at = "6s": must not be before the pause above it has ended, '
                "at 7s"
            ),
        ),
        (
            '[[write_side.pauses]]\nat = "5s"',
            "write_side.pauses[0].duration: is missing",
        ),
        (
            '[[write_side.pauses]]\nat = 5\nduration = "1s"',
            "write_side.pauses[0].at = 5: a duration needs a unit",
        ),
        (
            'write_side.pauses = "5s"',
            'write_side.pauses = "5s": must be a list such as [{ at = "10s", duration = "2s" }]',
        ),
        (
            '[[write_side.pauses]]\nat = "5s"\nduration = "0s"',
            'write_side.pauses[0].duration = "0s": must be from 1ns to 168h',
        ),
    ],
    ids=["overlap", "no length", "no unit", "no list", "empty"],
)
def test_a_wrong_pause_is_one_line_with_its_place(text: str, mistake: str) -> None:
    (found,) = mistakes_of(text)
    assert found.startswith(mistake)
