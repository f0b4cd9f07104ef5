"""Runs in which tasks look for gaps: they converge, or say what they wait for."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cqrs_sim import cli, simulation
from cqrs_sim.architectures.moving_parts import moving_parts
from cqrs_sim.diagram.drawing import diagram_of
from cqrs_sim.engines import virtual
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.probe import Handling
from cqrs_sim.report.delivery_table import gaps_table
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import ReadModel, Scenario

TASKS = """
[run]
duration = "3s"
[load]
rate = "800/s"
[workload]
orders = 15
cancel_share = 0.2
[queries]
share = 0.2
[write_side]
service = { distribution = "exponential", mean = "200us" }
[read_models.orders]
projection = "task"
service = { distribution = "exponential", mean = "3ms" }
[read_models.statistics]
projection = "task"
service = { distribution = "lognormal", mean = "2ms", spread = 2.0 }
[read_models.search]
service = { distribution = "exponential", mean = "200us" }
"""
NAMES = ("orders", "statistics")
CRASHES = 'write_side.crashes=[{ at = "1s", down = "1ms" }, { at = "2s", down = "1ms" }]'


def tasks(on_gap: str, *settings: str) -> Scenario:
    chosen = [f"read_models.{name}.on_gap={on_gap}" for name in NAMES]
    return read_scenario(TASKS, [*chosen, *settings])


@cache
def run(on_gap: str, *settings: str, seed: int = 2) -> Result:
    return virtual.run(tasks(on_gap, *settings), seed=seed)


def failed(result: Result) -> set[str]:
    return {check.name for check in result.summary.checks if not check.ok}


# Without a loss.


@pytest.mark.parametrize("on_gap", ["buffer", "fetch"])
@pytest.mark.parametrize("seed", range(5))
def test_without_a_loss_they_converge_and_no_event_takes_effect_twice(
    on_gap: str, seed: int
) -> None:
    assert "convergence" in failed(run("ignore", seed=seed))
    result = run(on_gap, seed=seed)
    assert result.summary.is_correct
    assert result.diverged is None
    for name in NAMES:
        found = result.summary.gaps[name]
        assert found.gaps > 10
        assert (found.parked, found.dropped) == (0, 0)
        if on_gap == "buffer":
            assert (found.buffered, found.fetched, found.late) == (found.gaps, 0, 0)
            assert 0 < found.buffered_max < found.gaps
        else:
            # Each that is read at once was still on its way, and comes later.
            assert found.fetched == found.late >= found.gaps > 0
            assert found.buffered == 0


@pytest.mark.parametrize("on_gap", ["buffer", "fetch"])
def test_each_event_is_applied_when_its_effect_is_there_and_its_stages_sum_to_its_lag(
    on_gap: str,
) -> None:
    trace, careless = run(on_gap).trace, run("ignore").trace
    of_model = trace.handlings.read_model == trace.read_models.index("orders")
    for name in NAMES:
        mine, usual = trace.deliveries_of(name), careless.deliveries_of(name)
        assert np.array_equal(mine.delivered, trace.events.committed)
        assert np.array_equal(mine.taken, mine.delivered)
        later, earlier = mine.applied > usual.applied, mine.applied < usual.applied
        assert later.any() == (on_gap == "buffer")
        assert earlier.any() == (on_gap == "fetch")
    if on_gap == "buffer":
        # Nobody is later but those that were held.
        later = trace.deliveries_of("orders").applied > careless.deliveries_of("orders").applied
        held = trace.handlings.position[of_model & (trace.handlings.kind == Handling.HELD)]
        assert set(trace.events.position[later].tolist()) <= set(held.tolist())


def test_by_default_nobody_looks_and_nothing_is_told_of_gaps() -> None:
    result = run("ignore")
    assert ReadModel().on_gap == "ignore"
    assert result.summary.gaps == {}
    assert "gaps" not in result.to_json()
    assert gaps_table(result.summary) is None
    assert "applied_by_version" not in {check.name for check in result.summary.checks}


@pytest.mark.parametrize("on_gap", ["buffer", "fetch"])
def test_a_read_that_waits_for_its_own_write_sees_it(on_gap: str) -> None:
    own = run(on_gap, "queries.strategy.by_id=at_least").summary.own_writes
    assert own.queries > 100
    assert own.queries_that_missed == 0


# With a loss.


@pytest.mark.parametrize("seed", range(5))
def test_a_buffer_parks_what_follows_a_loss_and_says_so(seed: int) -> None:
    result = run("buffer", CRASHES, "write_side.publish=dual_write", seed=seed)
    assert {"nothing_lost", "convergence"} <= failed(result)
    assert "applied_by_version" not in failed(result)
    parked = 0
    for name in NAMES:
        found, lost = result.summary.gaps[name], result.summary.delivery[name]
        parked += found.parked
        assert (found.first_parked is None) == (found.parked == 0)
        # What was lost for other reasons: never told, cut off, or gone with the buffer.
        deliveries = result.trace.deliveries_of(name)
        never = np.count_nonzero(np.isnat(deliveries.delivered))
        assert never == 2
        assert lost.lost >= never + found.dropped + found.parked
    assert parked
    stuck = [found for found in result.summary.gaps.values() if found.first_parked is not None]
    for found in stuck:
        first = found.first_parked
        assert first is not None
        assert 0 < first.waits_for < int(first.event.rpartition("#")[2])


@pytest.mark.parametrize("seed", range(5))
def test_fetching_heals_all_but_what_nothing_follows(seed: int) -> None:
    result = run("fetch", CRASHES, "write_side.publish=dual_write", seed=seed)
    trace, healed = result.trace, 0
    for name in NAMES:
        deliveries, found = trace.deliveries_of(name), result.summary.gaps[name]
        unseen = np.isnat(deliveries.applied)
        told = deliveries.delivered[unseen]
        assert (told[~np.isnat(told)] <= trace.crashes.crashed[-1]).all()
        assert (found.parked, found.dropped) == (0, 0)
        healed += found.fetched - found.late
        # What was never told was delivered by being fetched.
        shown = ~unseen
        assert not np.isnat(deliveries.delivered[shown]).any()
        assert not np.isnat(deliveries.taken[shown]).any()
    assert healed
    assert "applied_by_version" not in failed(result)


def test_what_only_the_end_of_the_process_cut_off_is_fetched_as_well() -> None:
    result = run("fetch", CRASHES)
    assert any(found.fetched > found.late for found in result.summary.gaps.values())
    buffered = run("buffer", CRASHES)
    for name in NAMES:
        assert result.summary.delivery[name].lost <= buffered.summary.delivery[name].lost


@pytest.mark.parametrize("on_gap", ["buffer", "fetch"])
def test_a_run_that_is_cut_short_keeps_its_books(on_gap: str) -> None:
    result = run(on_gap, "run.drain=0s", "read_models.orders.service.mean=200ms")
    found = result.summary.gaps["orders"]
    assert found.gaps
    assert found.buffered == (found.gaps if on_gap == "buffer" else 0)
    assert failed(result) <= {"convergence"}


# From outside.


def test_what_was_done_is_told_by_read_model_in_the_terminal_the_summary_and_the_page(
    tmp_path: pytest.TempPathFactory,
) -> None:
    text = to_toml(tasks("buffer", CRASHES, "write_side.publish=dual_write"))
    (tmp_path / "gaps.toml").write_text(text)  # type: ignore[operator] # a path
    arguments = ["run", f"{tmp_path}/gaps.toml", "--out", f"{tmp_path}/out", "--seed", "2"]
    arguments += ["--threshold", "gaps.orders.gaps > 10"]
    shown = CliRunner().invoke(cli.main, arguments)
    assert shown.exit_code == 3
    result = run("buffer", CRASHES, "write_side.publish=dual_write")
    told = " ".join(shown.stdout.split())
    for name, found in result.summary.gaps.items():
        assert f"gaps on the way to {name}: {found.told}" in told
        assert result.metrics[f"gaps.{name}.parked"] == found.parked
    table = gaps_table(result.summary)
    assert table is not None
    page = (tmp_path / "out" / "report.html").read_text()  # type: ignore[operator] # a path
    assert table.caption in page
    for note in table.notes:
        assert note in page


def test_gaps_are_metrics_of_a_sweep_in_which_only_some_points_look_for_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "tasks.toml").write_text(to_toml(tasks("ignore", "run.duration=1s")))
    arguments = ["sweep", f"{tmp_path}/tasks.toml", "--out", f"{tmp_path}/out", "-q", "-j", "1"]
    arguments += ["--vary", "read_models.orders.on_gap=ignore,buffer", "--engine", "virtual"]
    arguments += ["--metric", "gaps.orders.gaps", "--replications", "2"]
    ended = CliRunner().invoke(cli.main, arguments)
    assert ended.exit_code in (0, 3), ended.output
    with (tmp_path / "out" / "results.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "gaps.orders.gaps"]
    on_gap = "read_models.orders.on_gap"
    assert [(row[on_gap], bool(row["value"])) for row in rows] == [
        *[("ignore", False)] * 2,
        *[("buffer", True)] * 2,
    ]


@pytest.mark.parametrize("on_gap", ["buffer", "fetch"])
def test_the_wall_clock_does_it_too(on_gap: str) -> None:
    brief = ("run.duration=500ms", "load.rate=400/s")
    result = simulation.run(tasks(on_gap, *brief), engine="wall")
    assert all(check.ok for check in result.summary.checks)
    assert result.summary.gaps["orders"].gaps > 0


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            'read_models.orders.on_gap = "wait"',
            'read_models.orders.on_gap = "wait": must be one of "ignore", "buffer", "fetch"',
        ),
        (
            'read_models.orders.on_gap = "buffer"',
            (
                'read_models.orders.on_gap = "buffer": belongs to tasks, but '
                'read_models.orders.projection = "async": there the events of an order come in '
                "order"
            ),
        ),
        (
            '[read_models.orders]\nprojection = "inline"\non_gap = "fetch"',
            'read_models.orders.on_gap = "fetch": belongs to tasks, but',
        ),
        (
            (
                'write_side.keeps = "rows"\n[read_models.orders]\n'
                'projection = "task"\non_gap = "fetch"'
            ),
            (
                'read_models.orders.on_gap = "fetch": reads events from the log, and '
                'write_side.keeps = "rows" keeps none; must be "buffer", or keep "events" or "both"'
            ),
        ),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(text: str, mistake: str) -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(f'load = {{ rate = "100/s" }}\n{text}')
    (found,) = caught.value.mistakes
    assert found.startswith(mistake)


def test_the_diagram_and_the_moving_parts_say_what_tasks_do_about_gaps() -> None:
    overtakes = "events of one order overtake each other, and the read model stays wrong"
    waits = "what follows a lost event of its order waits for ever"
    for on_gap, word, modes in (
        ("ignore", "in no order", {overtakes}),
        ("buffer", "which wait for those before them", {waits}),
        ("fetch", "which fetch those before them", set[str]()),
    ):
        assert f"orders, {word}" in " ".join(
            line for node in diagram_of(tasks(on_gap)).nodes for line in node.lines
        )
        assert {overtakes, waits} & set(moving_parts(tasks(on_gap)).failure_modes) == modes
