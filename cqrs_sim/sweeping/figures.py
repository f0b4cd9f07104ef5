"""Which figures a sweep gets, and what is on each.

Metrics that differ only in the read model share a figure, as `lag.orders.p99` and `lag.search.p99`
do. One factor gives curves, two give heat maps (or points, where they make no grid); over three or
more there is no plain picture, and `results.csv` is the way on.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cqrs_sim.analysis.metrics import Unit
from cqrs_sim.plots.canvas import READ_MODELS, WRITE
from cqrs_sim.plots.sweep import Axis, Heights, Panel, write_sweep_figure
from cqrs_sim.sweeping.table import SweepTable

FIGURES = "figures"
MOST_FACTORS = 2
SCALES: dict[Unit, tuple[float, str]] = {
    "s": (1e3, " (ms)"),
    "per_s": (1.0, " (per second)"),
    "number": (1.0, ""),
}
"""How each unit is shown."""


def write_figures(table: SweepTable, folder: Path) -> list[Path]:
    """Draw the figures of a sweep into a folder, as PNG and as SVG; none of over two factors."""
    if len(table.factors) > MOST_FACTORS or not table.runs:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    count = f"{len(table.seeds)} replications" if len(table.seeds) > 1 else "one run a point"
    title = f"{table.name}\n{table.engine} engine · {count}"
    written = []
    for names in groups_of(table):
        panels = [names] if len(table.factors) == 1 else [[name] for name in names]
        drawn = [panel_of(table, panel) for panel in panels]
        written += write_sweep_figure(folder, _file_name(names, table), title, drawn)
    return written


def groups_of(table: SweepTable) -> list[list[str]]:
    """The metrics to draw, those that differ only in the read model together."""
    groups: dict[tuple[str, Unit], list[str]] = {}
    for name in table.figures:
        unit = table.units[table.metrics.index(name)]
        groups.setdefault((_pattern(name, table), unit), []).append(name)
    return list(groups.values())


def panel_of(table: SweepTable, names: Sequence[str]) -> Panel:
    """Metrics of one unit over the factor or the two factors of a sweep."""
    scale, unit = SCALES[table.units[table.metrics.index(names[0])]]
    pattern = _pattern(names[0], table)
    return Panel(
        title=names[0] if len(names) == 1 else pattern,
        label=f"{pattern}{unit}",
        axes=[_axis(table, column) for column in range(len(table.factors))],
        heights=[_heights(table, name, scale) for name in names],
    )


def _heights(table: SweepTable, name: str, scale: float) -> Heights:
    estimates = table.estimates(name)
    intervals = [estimate.interval for estimate in estimates]
    model = next((model for model in table.read_models if f".{model}." in name), None)
    colour = WRITE if model is None else READ_MODELS[table.read_models.index(model) % 4]
    # None becomes nan, which is not drawn.
    return Heights(
        name=name if model is None else model,
        mean=np.array([i and i.mean for i in intervals], np.float64) * scale,
        low=np.array([i and i.low for i in intervals], np.float64) * scale,
        high=np.array([i and i.high for i in intervals], np.float64) * scale,
        is_saturated=np.array([estimate.is_saturated for estimate in estimates]),
        colour=colour,
    )


def _axis(table: SweepTable, column: int) -> Axis:
    factor = table.factors[column]
    levels = [point.levels[column] for point in table.points]
    scale, unit = SCALES[factor.unit] if factor.is_number else (1.0, "")
    numbers = np.array([level.number for level in levels], np.float64) * scale
    return Axis(
        label=f"{factor.path}{unit}",
        texts=[level.text for level in levels],
        numbers=numbers if factor.is_number else None,
        is_log=factor.span is not None and factor.span.spacing == "log",
    )


def _pattern(name: str, table: SweepTable) -> str:
    """The name without the read model: `lag.p99`."""
    models = set(table.read_models)
    return ".".join(segment for segment in name.split(".") if segment not in models)


def _file_name(names: Sequence[str], table: SweepTable) -> str:
    name = names[0] if len(names) == 1 else _pattern(names[0], table)
    return re.sub(r"[^A-Za-z0-9]+", "_", name)[:60].strip("_") or "metric"
