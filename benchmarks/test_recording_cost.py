"""The comparison does what it says: the same work in both halves, and nothing stamped in one."""

import ast

import pytest

from benchmarks import recording_cost
from benchmarks.recording_cost import Unstamped


def unstamped(source: str) -> tuple[str, int]:
    """A module without its stamps, and how many there were."""
    cutter = Unstamped()
    tree = ast.fix_missing_locations(cutter.visit(ast.parse(source)))
    return ast.unparse(tree), cutter.cut_count


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("self._submitted[row] = self._clock.instant_ns", "pass"),
        ("dequeued[row] = now = clock.instant_ns", "now = clock.instant_ns"),
        ("probe.acknowledged[envelope.command_id] = clock.instant_ns", "pass"),
    ],
)
def test_a_stamp_is_cut_and_what_else_needs_the_instant_is_kept(source: str, left: str) -> None:
    """A column of several targets is cut alone."""
    assert unstamped(source) == (left, 1)


@pytest.mark.parametrize("source", ["versions[order_id] = version", "self.applied = position"])
def test_what_is_no_stamp_is_kept(source: str) -> None:
    """Only columns of a probe are."""
    assert unstamped(source) == (source, 0)


def test_both_halves_do_the_work_and_only_one_is_recorded() -> None:
    """Small, so the cost itself means nothing."""
    report = recording_cost.run(orders=100, rounds=1)
    assert report["ok"]
    assert report["cost_lowest"] == report["cost"] == report["cost_highest"]
