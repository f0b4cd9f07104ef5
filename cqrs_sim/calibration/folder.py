"""The folder of a calibration: the scenario, what was found, the page, and the figure."""

import json
from functools import partial
from pathlib import Path

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.calibration.calibrate import Calibration
from cqrs_sim.calibration.charts import (
    accounts_table,
    errors_table,
    prediction_charts,
    stages_table,
)
from cqrs_sim.calibration.model import toml_of
from cqrs_sim.calibration.words import remarks, verdict
from cqrs_sim.new_folders import check_folder, write_folder
from cqrs_sim.plots.calibration import Predicted, write_calibration_figure
from cqrs_sim.report.page import rendered, write_page

CALIBRATED, CALIBRATION, PAGE, FIGURES = (
    "calibrated.toml", "calibration.json", "calibration.html", "figures",
)  # fmt: skip
TEMPLATE = "calibration.html"

_HINT = "--force replaces an earlier calibration"


def check_place(folder: Path, *, force: bool) -> None:
    """Refuse a place for a calibration before anything is measured.

    Raises:
        ResultFolderError: one line that names the folder.
    """
    check_folder(folder, hint=_HINT, replaces=CALIBRATION if force else None)


def write_calibration(found: Calibration, folder: Path, *, force: bool = False) -> None:
    """Write a calibration into a new folder, all or nothing.

    Raises:
        ResultFolderError: if that cannot be done; one line that names the folder.
    """
    write_folder(
        folder,
        partial(_write, found),
        what="the calibration",
        hint=_HINT,
        replaces=CALIBRATION if force else None,
    )


def json_text(found: Calibration) -> str:
    """As it is written."""
    return f"{json.dumps(found.to_json(), indent=2, allow_nan=False)}\n"


def scenario_text(found: Calibration) -> str:
    """The calibrated scenario with its remarks."""
    return toml_of(found.scenario, list(remarks(found)))


def page_html(found: Calibration) -> str:
    """The page."""
    content: dict[str, object] = {
        "name": found.source.name,
        "verdict": verdict(found),
        "tone": "good" if found.is_good and not found.is_invalid else "bad",
        "invalid": found.invalid,
        "frame": list(_frame(found)),
        "charts": prediction_charts(found),
        "errors": errors_table(found),
        "stages": stages_table(found),
        "accounts": accounts_table(found),
        "toml_lines": scenario_text(found).splitlines(),
    }
    return rendered(TEMPLATE, content)


def _frame(found: Calibration) -> list[str]:
    machine = found.provenance.get("machine", {})
    named: dict[str, Json] = machine if isinstance(machine, dict) else {}
    return [
        f"{found.saturation_per_s:,.0f} operations a second flat out",
        f"{found.plan.repetitions} repetitions of {found.plan.operations:,} operations",
        f"seed {found.seed}",
        *(f"{key} {value}" for key, value in named.items()),
    ]


def _write(found: Calibration, folder: Path) -> None:
    (folder / CALIBRATED).write_text(scenario_text(found), encoding="utf-8")
    (folder / CALIBRATION).write_text(json_text(found), encoding="utf-8")
    write_page(page_html(found), folder / PAGE)
    (folder / FIGURES).mkdir()
    title = f"{found.source.name}\ncalibrated on this machine, seed {found.seed}"
    points = [
        Predicted(
            name=pair.name,
            rate_per_s=rate.rate_per_s,
            predicted_s=pair.predicted_s,
            measured_s=pair.measured_s,
            low_s=pair.measured_low_s,
            high_s=pair.measured_high_s,
        )
        for rate in found.rates
        for pair in rate.medians()
    ]
    write_calibration_figure(folder / FIGURES, points, title)
