"""Limits that name what a run cannot have: refused before it where that can be known, else after.

A threshold or gate that was never checked must not look like one that failed.
"""

import json
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result
from traces import Plan, make_trace

from cqrs_sim import cli, simulation
from cqrs_sim.analysis.thresholds import known_before
from cqrs_sim.comparison import compare
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.fresh_reads import compare_reads
from cqrs_sim.results import Result as RunResult
from cqrs_sim.scenario.presets import preset_names
from cqrs_sim.scenario.reading import read_scenario

SMALL = (
    'name = "small"\n[run]\nduration = "2s"\nwarm_up = "0s"\n[load]\nrate = "200/s"\n'
    '[queries]\nshare = 0.5\nsessions = 5\n[read_models.orders]\nservice = { mean = "1ms" }\n'
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path


def cqrs_sim(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


@pytest.mark.parametrize("name", preset_names())
def test_every_metric_of_a_run_is_known_before_it(name: str) -> None:
    """Or is one of those that only the run brings about."""
    shorter = ["run.duration=2s", "run.warm_up=0s", "run.drain=2s"]
    if name in ("burst", "stall"):
        shorter = ["run.warm_up=0s"]
    scenario = simulation.load_scenario(name, shorter)
    before = simulation.template_of(scenario)
    for metric in simulation.run(scenario).metrics:
        if not metric.startswith("generator."):
            assert known_before(before, metric) is not None, metric


def test_a_limit_on_no_metric_is_told_after_the_run_where_only_the_run_could_tell(
    folder: Path,
) -> None:
    limit = ("--threshold", "generator.hiccups.late < 5")
    shown = cqrs_sim("run", "small.toml", "--out", "out", "-q", *limit)
    assert shown.exit_code == 2
    assert shown.stderr.startswith('cqrs-sim: threshold "generator.hiccups.late < 5": unknown')
    assert len(shown.stderr.splitlines()) == 1
    # What was measured is kept.
    assert json.loads((folder / "out/summary.json").read_text())["thresholds"][0]["ok"] is False


def test_a_read_that_was_known_before_and_never_asked_fails_and_is_no_mistake(
    folder: Path,
) -> None:
    """Seldom asked, so that this short run has none."""
    seldom = ("--set", "queries.mix.by_status=0.000001")
    limit = ("--threshold", "reads.GetOrdersByStatus.eventual.stale_share < 50%")
    assert cqrs_sim("run", "small.toml", "-q", *seldom, *limit).exit_code == 99


@pytest.mark.parametrize(
    ("limit", "mistake"),
    [
        ("lag.orders.p99 < -5ms", "no metric is ever below 0"),
        ("seed == 0", "unknown metric"),
        ("reads.GetOrderById.eventual.age.p99 < 5", "is a duration"),
        ("reads.GetOrderById.write_side.stale == 0", "unknown metric"),
    ],
)
def test_what_can_be_known_before_the_run_exits_with_2(
    folder: Path, limit: str, mistake: str
) -> None:
    shown = cqrs_sim("run", "small.toml", "--threshold", limit)
    assert shown.exit_code == 2
    assert mistake in shown.stderr
    assert [path.name for path in folder.iterdir()] == ["small.toml"]


def test_limits_on_one_strategy_do_not_hinder_a_comparison_of_all() -> None:
    limit = "reads.GetOrderById.eventual.stale_share < 1%"
    scenario = attrs.evolve(read_scenario(SMALL), thresholds=(limit,))
    assert set(compare_reads(scenario).results) == {"eventual", "at_least", "write_side"}


@pytest.mark.parametrize(
    ("gate", "mistake"),
    [
        ("lag.orders.p50 +5", "it is a duration: a margin is a share, or like"),
        ("lag.orders.p50 +5/s", "it is a duration"),
        ("rates.accepted -5ms", "it is a rate"),
        ("rates.accepted -500%", "nothing shrinks by more than 100%"),
        ("seed +5%", "unknown metric"),
    ],
)
def test_a_gate_that_cannot_be_judged_is_a_mistake_and_no_failed_gate(
    gate: str, mistake: str
) -> None:
    trace = make_trace(Plan(seconds=1.0, read_ns=(("orders", 500_000),)))
    result = RunResult(trace=trace, scenario=read_scenario(SMALL), seed=1, engine="virtual")
    with pytest.raises(InvalidScenarioError, match=mistake):
        compare(result, result, [gate])
