"""Unserved: what was refused or given up, found where it is more than a little."""

from collections.abc import Mapping

import pytest

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.unserved import Unserved, find_unserved

READS: Mapping[str, Json] = {
    "GetOrderById": {
        "eventual": {"n": 5000, "timed_out": 0, "refused": 0, "unfinished": 0},
        "at_least": {"n": 300, "timed_out": 2, "refused": 0, "unfinished": 1},
    },
    "GetOrdersByCustomer": {"at_least": {"n": 100, "timed_out": 1, "refused": 0}},
}
SERVED: Mapping[str, Json] = {
    "commands": {"offered": 1000, "accepted": 980, "rejected": 20, "refused": 10},
    "reads": READS,
}


def with_commands(**counts: Json) -> Mapping[str, Json]:
    return {**SERVED, "commands": {"offered": 1000, **counts}}


def with_reads(strategy: str, **counts: Json) -> Mapping[str, Json]:
    rows: Mapping[str, Json] = {"GetOrderById": {strategy: {"n": 300, **counts}}}
    return {**SERVED, "reads": {**READS, **rows}}


def test_a_hundredth_is_not_remarkable() -> None:
    """10 of 1,000 commands were refused, and 3 of 400 queries of one strategy timed out."""
    assert find_unserved([(0, SERVED)]) == ()


@pytest.mark.parametrize(
    ("summary", "what", "how", "count", "n"),
    [
        (with_commands(refused=11), "commands", "were refused", 11, 1000),
        (with_commands(dropped=11), "commands", "were dropped", 11, 1000),
        (with_commands(unknown=11), "commands", "have an unknown outcome", 11, 1000),
        (
            with_commands(unfinished=11),
            *("commands", "were still waiting when the run ended", 11, 1000),
        ),
        (with_reads("at_least", timed_out=4), "at_least queries", "timed out", 5, 400),
        (with_reads("write_side", refused=4), "write_side queries", "were refused", 4, 300),
        (
            with_reads("at_least", unfinished=5),
            *("at_least queries", "were still waiting when the run ended", 5, 400),
        ),
    ],
)
def test_more_is_by_outcome_and_among_queries_by_strategy(
    summary: Mapping[str, Json], what: str, how: str, count: int, n: int
) -> None:
    assert find_unserved([(7, summary)]) == (
        Unserved(what=what, how=how, seeds=(7,), count=count, n=n),
    )


def test_rejected_commands_were_served() -> None:
    assert find_unserved([(0, with_commands(rejected=900))]) == ()


def test_of_several_runs_the_seeds_are_named_and_the_counts_are_of_the_first() -> None:
    runs = [(1, SERVED), (2, with_commands(refused=50)), (3, with_commands(refused=600))]
    (found,) = find_unserved(runs)
    assert (found.seeds, found.count, found.n) == ((2, 3), 50, 1000)


def test_a_summary_without_counts_has_none() -> None:
    assert find_unserved([(0, {}), (1, {"commands": {"refused": 0}})]) == ()
