"""The figure of the highest rate."""

import io
import math
from pathlib import Path

import attrs
import numpy as np
import pytest
from axes import legend_of, make_axes
from matplotlib.figure import Figure

from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.plots.capacity import (
    CurvePoints,
    bands,
    knee,
    plot_capacity,
    write_capacity_figure,
)

RATES = tuple(float(rate) for rate in range(100, 1000, 100))
POINTS = CurvePoints(
    rates_per_s=RATES,
    values=tuple(tuple(factor / (1000.0 - rate) for factor in (0.9, 1.0, 1.1)) for rate in RATES),
    metric="lag.orders.mean",
    unit="s",
    limit=0.005,
    expression="lag.orders.mean < 5ms",
    interval=t_interval((790.0, 800.0, 810.0)),
    saturates_at_per_s=1000.0,
    busiest="orders",
)


def test_the_curve_is_the_mean_over_the_seeds_in_milliseconds() -> None:
    ax = make_axes()
    curve = plot_capacity(ax, POINTS)[0]
    np.testing.assert_allclose(np.asarray(curve.get_xdata(), float), np.array(RATES))
    np.testing.assert_allclose(
        np.asarray(curve.get_ydata(), float), [1e3 / (1000.0 - rate) for rate in RATES]
    )


def test_the_legend_tells_limit_answer_knee_and_saturation() -> None:
    ax = make_axes()
    plot_capacity(ax, POINTS)
    told = " | ".join(legend_of(ax))
    for part in ("lag.orders.mean < 5ms", "highest rate: 800/s ± 25", "knee: 500/s", "orders"):
        assert part in told


def test_the_knee_of_an_mm1_queue_is_at_half_its_service_rate() -> None:
    """The greatest rate / time is that of r (mu - r): at mu / 2 (Kleinrock 1979)."""
    rates = np.linspace(50.0, 950.0, 19)
    at = knee(rates, 1.0 / (1000.0 - rates))
    assert at is not None
    assert rates[at] == 500.0
    assert knee(rates, np.full(19, np.nan)) is None


def test_the_band_is_students_interval_and_absent_where_a_seed_has_no_number() -> None:
    values = ((1.0, 2.0, 3.0), (1.0, math.inf, 2.0), (math.nan, 1.0, 1.0), ())
    found = bands(values)
    interval = t_interval(values[0])
    expected = np.array([interval.mean, interval.low, interval.high], float)
    np.testing.assert_allclose(found[:, 0], expected)
    assert np.all(np.isnan(found[:, 1:]))


def test_saturated_rates_are_crosses_and_no_numbers() -> None:
    values = (*POINTS.values[:-1], (math.inf, 0.1, 0.1))
    ax = make_axes()
    drawn = plot_capacity(ax, attrs.evolve(POINTS, values=values))
    assert "no number: saturated" in " ".join(legend_of(ax))
    assert np.isnan(np.asarray(drawn[0].get_ydata(), float)[-1])


@pytest.mark.parametrize(
    "points",
    [
        attrs.evolve(POINTS, rates_per_s=(), values=()),
        attrs.evolve(POINTS, metric="_a$b$_", busiest="_$x^2$", expression="_$ < 1ms"),
        attrs.evolve(POINTS, limit=100.0),
        attrs.evolve(POINTS, limit=0.0),
        attrs.evolve(POINTS, unit="number", interval=t_interval((5.0,))),
        attrs.evolve(POINTS, saturates_at_per_s=math.inf),
        attrs.evolve(POINTS, values=tuple((math.inf,) for _ in RATES)),
        attrs.evolve(POINTS, values=tuple((0.0, 0.0) for _ in RATES)),
    ],
    ids=["empty", "names", "far limit", "no limit", "a number", "endless", "saturated", "nothing"],
)
def test_odd_answers_can_be_drawn(points: CurvePoints) -> None:
    figure = Figure(layout="constrained")
    plot_capacity(figure.subplots(), points)
    figure.savefig(io.BytesIO())


def test_equal_answers_give_equal_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        write_capacity_figure(folder, POINTS, "$odd$\nname")
    for name in ("capacity.png", "capacity.svg"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
