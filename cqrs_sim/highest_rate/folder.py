"""The folder of an answer: `capacity.json`, `probes.csv`, `scenario.toml`, and the figure."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.highest_rate.answer import Capacity
from cqrs_sim.highest_rate.limits import Limit, at_rate
from cqrs_sim.highest_rate.probes import Probe
from cqrs_sim.highest_rate.steps import Steps
from cqrs_sim.new_folders import check_folder, write_folder
from cqrs_sim.plots.capacity import CurvePoints, write_capacity_figure
from cqrs_sim.scenario.reading import to_toml
from cqrs_sim.scenario.scenario import Scenario

CAPACITY, PROBES, SCENARIO = "capacity.json", "probes.csv", "scenario.toml"
DIGITS = 6
"""Of the rate in the scenario that is written."""


def check_place(folder: Path, *, force: bool) -> None:
    """Refuse a place for an answer before the search; `write_answer` does it, too.

    Raises:
        ResultFolderError: one line that names the folder.
    """
    check_folder(folder, hint=_HINT, replaces=CAPACITY if force else None)


def write_answer(found: Capacity | Steps, folder: Path, *, force: bool = False) -> None:
    """Write an answer into a new folder, all or nothing.

    Raises:
        ResultFolderError: if that cannot be done; one line that names the folder.
    """
    write_folder(
        folder,
        partial(_write, found),
        what="the answer",
        hint=_HINT,
        replaces=CAPACITY if force else None,
    )


_HINT = "--force replaces an earlier answer"


def json_text(content: dict[str, Json]) -> str:
    """As it is written."""
    return f"{json.dumps(content, indent=2, allow_nan=False)}\n"


def _write(found: Capacity | Steps, folder: Path) -> None:
    (folder / CAPACITY).write_text(json_text(found.to_json()), encoding="utf-8")
    (folder / PROBES).write_text(probes_text(found), encoding="utf-8")
    rate = found.rate_per_s if isinstance(found, Capacity) else found.held_per_s
    if rate is not None:
        answer = at_answer(found.scenario, found.limits, rate)
        (folder / SCENARIO).write_text(to_toml(answer), encoding="utf-8")
    if isinstance(found, Capacity) and found.rate_per_s is not None:
        write_capacity_figure(folder, points_of(found), figure_title(found))


def figure_title(found: Capacity) -> str:
    """The scenario, and how it was searched, on two lines."""
    count = len(found.rates_per_s)
    return f"{found.scenario.name}\n{found.engine} engine · virtual clock · {count} replications"


def at_answer(scenario: Scenario, limits: Sequence[Limit], rate_per_s: float) -> Scenario:
    """The scenario at the answer, with the limits as its thresholds."""
    # Down, so that the written rate is not above the one that held.
    unit = 10.0 ** (math.floor(math.log10(rate_per_s)) + 1 - DIGITS)
    rate = float(f"{math.floor(rate_per_s / unit) * unit:.{DIGITS}g}")
    thresholds = dict.fromkeys((*scenario.thresholds, *(limit.expression for limit in limits)))
    return attrs.evolve(at_rate(scenario, rate), thresholds=tuple(thresholds))


def probes_text(found: Capacity | Steps) -> str:
    """The probe log as CSV; empty where a value is unknown, `inf` where there is none to reach."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_rows(found))
    return text.getvalue()


def _rows(found: Capacity | Steps) -> Iterator[Sequence[str]]:
    stages = list(dict.fromkeys(stage for _, probe in _probes(found) for stage in probe.loads))
    names = [limit.whole_name for limit in found.limits]
    loads = [f"offered_load.{stage}" for stage in stages]
    yield ["purpose", "seed", "rate_per_s", "held", *names, *loads, "saturated", "invalid"]
    for purpose, probe in _probes(found):
        held = "" if probe.lack or probe.invalid else str(probe.margin > 0.0).lower()
        yield [
            purpose,
            str(probe.seed),
            repr(probe.rate_per_s),
            held,
            *("" if math.isnan(value) else repr(value) for value in probe.values),
            *(repr(probe.loads[stage]) if stage in probe.loads else "" for stage in stages),
            " and ".join(probe.saturated),
            probe.invalid,
        ]


def _probes(found: Capacity | Steps) -> Iterable[tuple[str, Probe]]:
    if isinstance(found, Capacity):
        return found.probes
    return [("step", probe) for probe in found.probes]


def points_of(found: Capacity) -> CurvePoints:
    """What the figure draws."""
    limit = found.limits[found.index]
    probes = [probe for purpose, probe in found.probes if purpose == "curve"]
    rates = sorted({probe.rate_per_s for probe in probes})
    by_rate = [
        [probe.values[found.index] for probe in probes if probe.rate_per_s == rate]
        for rate in rates
    ]
    return CurvePoints(
        rates_per_s=tuple(rates),
        values=tuple(map(tuple, by_rate)),
        metric=limit.name,
        unit=limit.unit,
        limit=limit.value,
        expression=limit.expression,
        interval=found.interval,
        saturates_at_per_s=found.saturates_at_per_s,
        busiest=found.busiest,
    )
