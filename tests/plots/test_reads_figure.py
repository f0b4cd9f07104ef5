"""The figure of the price of a fresh read."""

from pathlib import Path

import attrs
import numpy as np
import pytest
from axes import legend_of, make_axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cqrs_sim.analysis.quantiles import SampleSummary
from cqrs_sim.analysis.reads import ReadSummary
from cqrs_sim.plots.reads import READS, plot_fresh_reads, write_fresh_reads


def read(
    strategy: str, paid_s: float | None, missed: float | None, timed_out: int = 0
) -> ReadSummary:
    sample = SampleSummary(
        p50=0.001, p90=0.001, p99=0.008, p999=None, max=0.01, mean=paid_s, n=100, censored=0
    )
    return ReadSummary(
        kind="GetOrderById",
        strategy=strategy,
        n=100,
        answered=100 - timed_out,
        timed_out=timed_out,
        refused=0,
        unfinished=0,
        response_s=sample,
        answered_mean_s=0.0005,
        paid_mean_s=paid_s,
        stale=10,
        stale_share=missed,
        age_s=attrs.evolve(sample, mean=0.002 if timed_out < 100 else None),
        versions_missing_mean=0.1,
        versions_missing_max=3,
        own_writes=80,
        missed_own_share=missed,
    )


def test_each_strategy_is_a_mark_at_what_it_pays_and_what_it_leaves() -> None:
    ax = make_axes()
    marks = plot_fresh_reads(ax, [read("eventual", 0.0, 0.25), read("at_least", 0.003, 0.0)])
    assert [(mark.get_xdata()[0], mark.get_ydata()[0]) for mark in marks] == [  # type: ignore[index]
        (0.0, 25.0),
        (3.0, 0.0),
    ]
    assert [mark.get_marker() for mark in marks] == [READS["eventual"][1], READS["at_least"][1]]
    assert "missed 25 % of 80 own writes" in legend_of(ax)[0]
    assert "answers 2 ms old on average" in legend_of(ax)[0]


def test_a_thin_line_leads_to_the_p99() -> None:
    ax = make_axes()
    plot_fresh_reads(ax, [read("at_least", 0.003, 0.0)])
    assert np.asarray(ax.lines[0].get_xdata()).tolist() == [3.0, 8.0]


def test_what_got_no_answer_is_marked_and_told() -> None:
    ax = make_axes()
    full, hollow = plot_fresh_reads(
        ax,
        [read("write_side", 0.001, 0.0), read("at_least", 0.003, 0.0, timed_out=12)],
    )
    assert full.get_markerfacecolor() == full.get_color()
    assert hollow.get_markerfacecolor() == "none"
    assert "12 % without an answer" in legend_of(ax)[1]
    assert "without" not in legend_of(ax)[0]


def test_a_strategy_that_answered_nothing_is_told_in_the_legend() -> None:
    ax = make_axes()
    plot_fresh_reads(ax, [read("at_least", None, None, timed_out=100)])
    assert "100 % without an answer" in legend_of(ax)[0]
    assert "on average" not in legend_of(ax)[0]
    canvas = ax.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]


def test_a_strategy_without_answers_about_own_writes_says_so_and_shows_no_share() -> None:
    ax = make_axes()
    plot_fresh_reads(ax, [attrs.evolve(read("eventual", 0.001, None), own_writes=0)])
    assert legend_of(ax)[0].startswith("eventual: no answer about an own write")
    assert "nan" not in legend_of(ax)[0]


def test_the_figure_is_written_as_png_and_svg_with_equal_bytes(tmp_path: Path) -> None:
    reads = [read("eventual", 0.0, 0.25), read("at_least", 0.003, 0.0)]
    written = write_fresh_reads(tmp_path, iter(reads), "small")
    assert [path.name for path in written] == ["fresh_reads.png", "fresh_reads.svg"]
    before = [path.read_bytes() for path in written]
    assert [path.read_bytes() for path in write_fresh_reads(tmp_path, reads, "small")] == before


@pytest.mark.parametrize("strategy", ["eventual", "at_least", "write_side"])
def test_every_strategy_has_a_colour_of_its_own(strategy: str) -> None:
    assert [c for c, _ in READS.values()].count(READS[strategy][0]) == 1
