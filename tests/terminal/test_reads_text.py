"""The price of a fresh read in words: what was missed, what was paid, what got no answer."""

import io
from functools import cache

import attrs
import pytest

from cqrs_sim.analysis.reads import ReadSummary
from cqrs_sim.fresh_reads import FreshReads, compare_reads
from cqrs_sim.plain_text import some_of
from cqrs_sim.simulation import load_scenario
from cqrs_sim.terminal.reads import sentence, show_fresh_reads
from cqrs_sim.terminal.screen import Screen


@cache
def found() -> FreshReads:
    settings = ["run.duration=3s", "run.warm_up=0s"]
    return compare_reads(load_scenario("default", settings), seed=5)


def reads(**changes: object) -> list[ReadSummary]:
    """The eventual reads, and those of at_least with something else in them."""
    eventual, at_least, _ = found().summaries.values()
    return [
        attrs.evolve(eventual, paid_mean_s=0.001, missed_own_share=0.25, own_writes=80),
        attrs.evolve(at_least, **{"paid_mean_s": 0.0012, "missed_own_share": 0.0, **changes}),  # type: ignore[arg-type]
    ]


def test_each_strategy_is_told_by_what_it_missed_and_what_it_paid_over_the_first() -> None:
    assert sentence(reads()) == (
        "eventual: 25 % of answers about an own write missed it, for 1.00 ms on average; "
        "at_least: none missed it, for 0.20 ms more"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"paid_mean_s": 0.0008}, "none missed it, for 0.20 ms less"),
        ({"paid_mean_s": 0.001}, "none missed it, for as much"),
        ({"paid_mean_s": 0.001_000_1}, "none missed it, for under 0.001 ms more"),
        ({"paid_mean_s": None}, "none missed it, at a price that is not known"),
        ({"missed_own_share": 0.05, "own_writes": 60}, "5.0 % missed it, for 0.20 ms more"),
        ({"missed_own_share": None}, "no answer about an own write, for 0.20 ms more"),
        ({"n": 100, "answered": 88}, "none missed it, for 0.20 ms more, 12 % without an answer"),
    ],
)
def test_the_sentence_hides_neither_price_nor_failure(
    changes: dict[str, object], told: str
) -> None:
    assert sentence(reads(**changes)).endswith(f"at_least: {told}")


def test_the_sessions_that_missed_an_own_write_are_named_where_there_are_any() -> None:
    stream = io.StringIO()
    show_fresh_reads(Screen(stream), found())
    told = [line for line in stream.getvalue().splitlines() if "missed an own write:" in line]
    own = found().results["eventual"].summary.own_writes
    listed = ", ".join(map(str, own.missed_by))
    assert 1 < own.sessions_that_missed == len(own.missed_by) <= 10
    counts = f"{own.sessions_that_missed} of {own.sessions} sessions"
    assert told == [f"eventual: {counts} missed an own write: {listed}"]
    assert some_of((3, 7), 14) == "3, 7 and 12 more"


def test_behind_a_saturated_read_model_no_price_is_told() -> None:
    behind = reads(withheld=("age_s", "response_s", "paid_mean_s"), answered_by="orders")
    assert sentence(behind).endswith(
        "at_least: none missed it, at a price that grows for as long as orders falls behind"
    )


def test_the_table_has_the_figures_of_every_strategy() -> None:
    stream = io.StringIO()
    show_fresh_reads(Screen(stream), found())
    lines = stream.getvalue().splitlines()
    rows = {line.split()[0]: line for line in lines[-4:-1]}
    assert list(rows) == ["eventual", "at_least", "write_side"]
    eventual = found().summaries["eventual"]
    assert eventual.missed_own_share
    assert f"  {100 * eventual.missed_own_share:.1f} %  " in rows["eventual"]
    assert f"  {100 * eventual.stale / eventual.answered:.1f} %  " in rows["eventual"]
    paid_s = found().summaries["at_least"].paid_mean_s
    assert paid_s is not None
    assert rows["at_least"].split()[1] == f"{paid_s * 1e3:.3f}"
    assert rows["write_side"].split()[-4:] == ["%", "0", "0", "%"]


def test_the_scenarios_name_is_shown_as_typed() -> None:
    results = {
        name: attrs.evolve(result, scenario=attrs.evolve(result.scenario, name="[red]a[/red]"))
        for name, result in found().results.items()
    }
    stream = io.StringIO()
    show_fresh_reads(Screen(stream), FreshReads(results))
    assert "[red]a[/red]; virtual engine, virtual clock, seed 5" in stream.getvalue()
