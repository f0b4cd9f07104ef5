"""Figures: what is drawn, that names are shown as typed, that equal runs give equal bytes."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest
from axes import legend_of, make_axes
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from traces import Plan, make_trace

from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.stages import ENRICHMENT
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.plots.canvas import READ_MODELS, WRITE
from cqrs_sim.plots.run import (
    STAGES,
    plot_backlog,
    plot_lag_distribution,
    plot_lag_over_time,
    plot_rates,
    plot_response_distribution,
    plot_stages,
    write_figures,
)
from cqrs_sim.plots.tails import MOST_POINTS

STEADY = make_trace(Plan(seconds=5.0))
OVERLOAD = make_trace(
    Plan(seconds=10.0, drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))
)
EMPTY = make_trace(Plan(seconds=1.0, rate_per_s=0.0))
PLOTS = (plot_lag_over_time, plot_backlog, plot_lag_distribution, plot_stages, plot_rates)
HOSTILE = ("$x$", "$\\frac{$", "_hidden")


def shown_ms(trace: Trace, read_model: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    lag = trace.deliveries_of(read_model).applied - trace.events.committed
    seen = np.sort(lag[~np.isnat(lag)])
    return seen / np.timedelta64(1_000_000_000, "ns") * 1e3


def test_lag_over_time_draws_median_and_p99_of_every_read_model() -> None:
    ax = make_axes()
    lines = plot_lag_over_time(ax, STEADY)
    assert legend_of(ax) == ["orders", "search", "median", "p99"]
    assert [line.get_color() for line in lines] == [*READ_MODELS[:1] * 2, *READ_MODELS[1:2] * 2]
    for median, p99 in (lines[:2], lines[2:]):
        assert (np.asarray(median.get_ydata()) <= np.asarray(p99.get_ydata())).all()
    assert ax.get_ylabel() == "lag (ms)"
    assert ax.get_xlabel() == "time from the start of the run (s)"
    assert ax.get_yscale() == "log"


def test_lag_over_time_can_be_of_one_read_model() -> None:
    ax = make_axes()
    plot_lag_over_time(ax, STEADY, ["search"])
    assert legend_of(ax) == ["search", "median", "p99"]


def test_what_was_never_applied_is_drawn_as_a_lower_bound_and_told() -> None:
    ax = make_axes()
    lines = plot_lag_over_time(ax, OVERLOAD)
    (bound,) = (line for line in lines if line.get_linestyle() == ":")
    assert bound.get_color() == READ_MODELS[1]
    assert not np.isnan(np.asarray(bound.get_ydata())).all()
    legend = legend_of(ax)
    assert legend[1].startswith("search (")
    assert legend[1].endswith(" % never applied)")
    assert legend[-1] == "at least (never applied)"


def test_the_backlog_of_an_overloaded_read_model_is_seen_to_grow() -> None:
    ax = make_axes()
    mailboxes, orders, search = plot_backlog(ax, OVERLOAD)
    assert mailboxes.get_color() == WRITE
    assert np.max(np.asarray(search.get_ydata())) > 10 * np.max(np.asarray(orders.get_ydata()))
    assert legend_of(ax) == ["orders", "search", "mailboxes (commands)"]


def test_the_distribution_reaches_from_the_first_to_the_longest_lag() -> None:
    line = plot_lag_distribution(make_axes(), STEADY)[0]
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    lag_ms = shown_ms(STEADY, "orders")
    assert (x[0], x[-1]) == (lag_ms[0], lag_ms[-1])
    assert (y[0], y[-1]) == (1.0, 1 / len(lag_ms))


def test_the_distribution_ends_at_the_share_that_was_never_applied() -> None:
    ax = make_axes()
    line = plot_lag_distribution(ax, OVERLOAD)[1]
    seen, events = len(shown_ms(OVERLOAD, "search")), len(OVERLOAD.events)
    assert np.asarray(line.get_ydata())[-1] == pytest.approx((events - seen + 1) / events)


def test_a_long_curve_is_thinned_and_keeps_its_tail() -> None:
    trace = make_trace(Plan(seconds=20.0))
    line = plot_lag_distribution(make_axes(), trace)[1]
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert len(trace.events) > 10_000
    assert len(x) <= MOST_POINTS
    np.testing.assert_array_equal(x[-20:], shown_ms(trace, "search")[-20:])
    assert (np.diff(y) < 0).all()


def test_lags_of_nought_do_not_break_a_logarithmic_axis() -> None:
    deliveries = STEADY.deliveries
    at_once = np.concatenate([STEADY.events.committed] * 2)
    trace = attrs.evolve(
        STEADY,
        deliveries=attrs.evolve(
            deliveries, delivered=at_once, taken=at_once, applied=at_once, checkpointed=at_once
        ),
    )
    for plot in PLOTS:
        ax = make_axes()
        plot(ax, trace)
        draw(ax)


def test_the_bars_of_a_read_model_add_up_to_the_time_written_beside_them() -> None:
    ax = make_axes()
    bars = plot_stages(ax, STEADY)
    asks_nobody = [label for stage, (_, label) in STAGES.items() if stage != ENRICHMENT]
    assert legend_of(ax) == asks_nobody
    ends = [container.patches[1].get_x() + container.patches[1].get_width() for container in bars]
    submitted = STEADY.commands.submitted[STEADY.events.command]
    path = (STEADY.deliveries_of("search").applied - submitted).astype(np.int64).mean() / 1e6
    assert ends[-1] == pytest.approx(path)
    assert f"{path:.3g} ms" in [text.get_text() for text in ax.texts]


def test_rates_are_drawn_for_load_write_side_and_each_read_model() -> None:
    ax = make_axes()
    lines = plot_rates(ax, STEADY)
    assert legend_of(ax) == ["offered", "accepted", "applied: orders", "applied: search"]
    assert lines[1].get_color() == WRITE
    assert [line.get_color() for line in lines[2:]] == list(READ_MODELS[:2])


def draw(ax: Axes) -> None:
    figure = ax.get_figure()
    assert figure is not None
    figure.canvas.draw()


@pytest.mark.parametrize("plot", PLOTS)
def test_every_plot_survives_a_run_without_events(plot: object) -> None:
    ax = make_axes()
    assert callable(plot)
    plot(ax, EMPTY)
    draw(ax)


@pytest.mark.parametrize("plot", PLOTS)
def test_names_are_shown_as_typed(plot: object) -> None:
    """Formulas and leading underscores are matplotlib's, not ours."""
    trace = attrs.evolve(
        make_trace(Plan(seconds=1.0, read_ns=tuple((name, 500_000) for name in HOSTILE))),
    )
    ax = make_axes()
    assert callable(plot)
    plot(ax, trace)
    draw(ax)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    shown = " ".join([*legend_of(ax), *labels])
    assert all(name in shown for name in HOSTILE)


def test_all_figures_are_written_as_png_and_svg(tmp_path: Path) -> None:
    written = write_figures(tmp_path, STEADY, "steady · virtual clock", warm_up_ns=1_000_000_000)
    assert [path.name for path in written] == [
        f"{name}.{suffix}"
        for name in (
            "lag_over_time",
            "lag_distribution",
            "response_distribution",
            "stages",
            "rates",
        )
        for suffix in ("png", "svg")
    ]
    assert all(path.stat().st_size > 5_000 for path in written)
    assert all(path.stat().st_size < 400_000 for path in written)


def replications(orders_p99: tuple[float | None, ...]) -> Replications:
    return Replications(
        seeds=tuple(range(len(orders_p99))),
        values={
            "lag_s.orders.p50": (0.001,) * len(orders_p99),
            "lag_s.orders.p99": orders_p99,
            "response_s.p90": (0.002, 0.003, 0.004)[: len(orders_p99)],
        },
    )


def test_with_replications_bars_stand_at_the_quantiles_that_all_of_them_have() -> None:
    """Mean 4 ms, s = 1 ms, n = 3: 4 +- 4.3027 x 1 / sqrt(3), at one in a hundred."""
    ax = make_axes()
    plot_lag_distribution(ax, STEADY, replications=replications((0.003, 0.004, 0.005)))
    bars = {round(float(centre), 6): ends for centre, ends in bars_of(ax)}
    assert list(bars) == [0.5, 0.01]
    assert bars[0.01] == pytest.approx((4.0 - 2.4841, 4.0, 4.0 + 2.4841), rel=1e-4)
    assert legend_of(ax)[-1].startswith("bars: 95 % intervals of the\nmean over 3 replications")


def test_a_quantile_that_is_withheld_in_one_replication_has_no_bar() -> None:
    ax = make_axes()
    plot_lag_distribution(ax, STEADY, replications=replications((0.003, None, 0.005)))
    assert [round(float(centre), 6) for centre, _ in bars_of(ax)] == [0.5]


def test_without_any_interval_the_legend_speaks_of_none() -> None:
    ax = make_axes()
    plot_lag_distribution(ax, STEADY, replications=replications((0.003,)))
    assert list(bars_of(ax)) == []
    assert legend_of(ax) == ["orders", "search"]


def test_the_response_has_its_own_distribution_and_bars() -> None:
    ax = make_axes()
    (line,) = plot_response_distribution(
        ax, STEADY, replications=replications((0.003, 0.004, 0.005))
    )
    assert line.get_color() == WRITE
    assert [round(float(centre), 6) for centre, _ in bars_of(ax)] == [0.1]
    response = STEADY.commands.acknowledged - STEADY.commands.intended
    assert np.asarray(line.get_xdata())[-1] == pytest.approx(response.max().astype(int) / 1e6)


def test_the_figures_of_a_replicated_run_bear_bars(tmp_path: Path) -> None:
    found = replications((0.003, 0.004, 0.005))
    for folder, given in (("one", None), ("three", found)):
        (tmp_path / folder).mkdir()
        write_figures(tmp_path / folder, STEADY, "runs", replications=given)
    for name in ("lag_distribution.png", "response_distribution.png"):
        one, three = ((tmp_path / folder / name).read_bytes() for folder in ("one", "three"))
        assert one != three, name


def bars_of(ax: Axes) -> Iterator[tuple[float, tuple[float, float, float]]]:
    """Height, then low, middle and high of every bar that is drawn."""
    for bar in ax.containers:
        assert isinstance(bar, ErrorbarContainer)
        line, _, (segments,) = bar.lines
        assert line is not None
        for (low, height), (high, _) in segments.get_segments():
            yield height, (float(low), float(np.asarray(line.get_xdata())[0]), float(high))


def test_equal_runs_give_equal_figures(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_figures(tmp_path / name, STEADY, "steady")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_a_title_with_formulas_or_foreign_letters_is_no_reason_to_fail(tmp_path: Path) -> None:
    write_figures(tmp_path, EMPTY, "price $5 and $6 \\frac{$ · 訂單")


def test_a_run_in_which_one_read_model_saw_nothing_is_drawn(tmp_path: Path) -> None:
    rows = STEADY.deliveries.read_model == 0
    trace = attrs.evolve(STEADY, deliveries=select(STEADY.deliveries, rows))
    ax = make_axes()
    plot_lag_distribution(ax, trace)
    assert legend_of(ax)[1] == "search (100 % never applied)"
    write_figures(tmp_path, trace, "search sees nothing")
