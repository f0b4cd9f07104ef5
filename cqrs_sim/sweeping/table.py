"""The table of a sweep: every metric of every run, as CSV and as arrays.

Long format: a row for each point, seed and metric, which data frames and plotting libraries take as
it is. A number that is withheld is empty, with the reason beside it: leaving the row out would look
as if nothing had been asked.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.intervals import Interval, t_interval
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import Unit, UnknownMetricError, metric
from cqrs_sim.analysis.replicated import LEVEL
from cqrs_sim.sweeping.designs import Point
from cqrs_sim.sweeping.factors import Factor
from cqrs_sim.sweeping.folder import Store, put_bytes, put_text, writing_to
from cqrs_sim.sweeping.sweep import Sweep

CSV = "results.csv"
NPZ = "results.npz"
WITHHELD = "withheld: "
"""How the reason of a saturated stage begins (`analysis.metrics`)."""


@attrs.frozen
class Run:
    """One run of the table."""

    point: int
    seed: int
    trace: str
    """Digest of all its stamps."""
    values: tuple[float | None, ...]
    """One a metric; None where withheld."""
    reasons: tuple[str, ...]
    """Why; empty where there is a value."""
    failed: tuple[str, ...]
    """Names of the checks that it failed."""
    invalid: tuple[str, ...]
    """Why it is no valid measurement."""


@attrs.frozen(eq=False, kw_only=True)
class SweepTable:
    """What a sweep came to."""

    name: str
    engine: str
    factors: tuple[Factor, ...]
    points: tuple[Point, ...]
    seeds: range
    metrics: tuple[str, ...]
    """Short names, such as `lag.orders.p99`."""
    units: tuple[Unit, ...]
    """One a metric."""
    figures: tuple[str, ...]
    """Those metrics that are drawn."""
    read_models: tuple[str, ...]
    runs: tuple[Run, ...]
    """By point, then seed; fewer than asked for if the sweep was interrupted."""

    @property
    def is_complete(self) -> bool:
        """Whether every seed of every point was run."""
        return len(self.runs) == len(self.points) * len(self.seeds)

    @property
    def incorrect(self) -> tuple[Run, ...]:
        """Runs in which a check failed."""
        return tuple(run for run in self.runs if run.failed)

    @property
    def invalid(self) -> tuple[Run, ...]:
        """Runs that are no valid measurement."""
        return tuple(run for run in self.runs if run.invalid)

    def values(self) -> NDArray[np.float64]:
        """Shape (n_points, n_seeds, n_metrics), seconds, per second or bare; nan: none."""
        found = np.full((len(self.points), len(self.seeds), len(self.metrics)), np.nan)
        for run in self.runs:
            row = [np.nan if value is None else value for value in run.values]
            found[run.point - 1, run.seed - self.seeds.start] = row
        return found

    def estimates(self, name: str) -> list["Estimate"]:
        """A metric at each point."""
        column = self.metrics.index(name)
        by_point: dict[int, list[Run]] = {}
        for run in self.runs:
            by_point.setdefault(run.point, []).append(run)
        return [_estimate(by_point.get(point.number, []), column) for point in self.points]


@attrs.frozen
class Estimate:
    """A metric at one point, over the replications."""

    interval: Interval | None
    """Student's t; None if any of them has no value: leaving it out would flatter the others."""
    reasons: tuple[str, ...]
    """Why values are withheld, each once."""

    @property
    def is_saturated(self) -> bool:
        """Whether a stage that the metric depends on was, in any replication."""
        return any(reason.startswith(WITHHELD) for reason in self.reasons)


def table_of(sweep: Sweep, store: Store) -> SweepTable:
    """The table of what has been finished."""
    wanted = set(sweep.seeds)
    runs, units = [], dict[str, Unit]()
    for point in sweep.points:
        for seed, line in store.kept(point).items():
            if seed in wanted:
                runs.append(_run(point.number, json.loads(line), sweep.metrics, units))
    return SweepTable(
        name=sweep.base.name,
        engine=sweep.engine,
        factors=sweep.factors,
        points=sweep.points,
        seeds=sweep.seeds,
        metrics=sweep.metrics,
        units=tuple(units.get(name, "number") for name in sweep.metrics),
        figures=sweep.figures,
        read_models=tuple(sweep.base.read_models),
        runs=tuple(runs),
    )


def write_table(table: SweepTable, folder: Path) -> None:
    """Write `results.csv` and `results.npz`; equal tables give equal bytes.

    Raises:
        ResultFolderError: if that cannot be done; one line that names the folder.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(csv_rows(table))
    arrays = io.BytesIO()
    np.savez(arrays, allow_pickle=False, **to_arrays(table))
    with writing_to(folder):
        put_text(text.getvalue(), folder / CSV)
        put_bytes(arrays.getvalue(), folder / NPZ)


def csv_rows(table: SweepTable) -> Iterator[Sequence[str]]:
    """The rows of `results.csv`, its head first."""
    columns = [factor.column for factor in table.factors]
    yield ["point", *columns, "seed", "metric", "value", "unit", "reason"]
    for run in table.runs:
        cells = _cells(table.points[run.point - 1], table.factors)
        each = zip(table.metrics, run.values, table.units, run.reasons, strict=True)
        for name, value, unit, reason in each:
            number = "" if value is None else repr(value)
            yield [str(run.point), *cells, str(run.seed), name, number, unit, reason]


def to_arrays(table: SweepTable) -> dict[str, NDArray[np.generic]]:
    """The arrays of `results.npz`: axes are points, seeds, metrics and factors, in this order."""
    traces = np.full((len(table.points), len(table.seeds)), "", dtype="U64")
    for run in table.runs:
        traces[run.point - 1, run.seed - table.seeds.start] = run.trace
    levels = [point.levels for point in table.points]
    numbers = [
        [np.nan if level.number is None else level.number for level in row] for row in levels
    ]
    return {
        "factors": np.array([factor.column for factor in table.factors], np.str_),
        "levels": np.array([[level.text for level in row] for row in levels], np.str_),
        "numbers": np.array(numbers, np.float64),
        "seeds": np.array(table.seeds, np.uint64),
        "metrics": np.array(table.metrics, np.str_),
        "units": np.array(table.units, np.str_),
        "values": table.values(),
        "traces": traces,
        "complete": np.array(table.is_complete),
    }


def _cells(point: Point, factors: Sequence[Factor]) -> list[str]:
    return [
        repr(level.number) if factor.is_number and level.number is not None else level.text
        for factor, level in zip(factors, point.levels, strict=True)
    ]


def _run(point: int, line: Mapping[str, Json], names: Sequence[str], units: dict[str, Unit]) -> Run:
    """The run of a line; it tells the units of its metrics, too."""
    seed, trace, summary = line["seed"], line["trace"], line["summary"]
    assert isinstance(seed, int)
    assert isinstance(trace, str)
    assert isinstance(summary, Mapping)
    values: list[float | None] = []
    reasons = []
    for name in names:
        try:
            found = metric(summary, name)
        except UnknownMetricError:
            # Only what happens in a run shows whether there is such a metric at all.
            values.append(None)
            reasons.append("the run has no such metric")
        else:
            units[name] = found.unit
            values.append(found.value)
            reasons.append(found.why)
    checks, invalid = summary.get("checks", {}), summary.get("invalid", [])
    assert isinstance(checks, Mapping)
    assert isinstance(invalid, Sequence)
    return Run(
        point, seed, trace, tuple(values), tuple(reasons), tuple(checks), tuple(map(str, invalid))
    )


def _estimate(runs: Sequence[Run], column: int) -> Estimate:
    values = [run.values[column] for run in runs]
    known = [value for value in values if value is not None]
    reasons = dict.fromkeys(run.reasons[column] for run in runs if run.reasons[column])
    whole = known and len(known) == len(values)
    return Estimate(t_interval(known, LEVEL) if whole else None, tuple(reasons))
