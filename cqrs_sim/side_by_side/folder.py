"""The folder of a comparison: the page, its numbers, its figures, and each run's own result."""

import json
from functools import partial
from pathlib import Path

from cqrs_sim.new_folders import write_folder
from cqrs_sim.plots.architectures import write_architecture_figures
from cqrs_sim.report.architectures_page import write_architectures_page
from cqrs_sim.results import write_files
from cqrs_sim.side_by_side.comparison import ArchitectureComparison
from cqrs_sim.side_by_side.substrates import SUBSTRATES

PAGE, NUMBERS, FIGURES = "architectures.html", "architectures.json", "figures"


def write_comparison(comparison: ArchitectureComparison, folder: Path | str) -> None:
    """Write a comparison into a new folder, all or nothing.

    Below it each run has a folder like that of `cqrs-sim run`, `modelled/crud` for example, with
    its scenario, which can be run; figures of single runs are left out, since they take longest.

    Raises:
        ResultFolderError: if that may not or cannot be done; one line that names the folder.
    """
    write_folder(Path(folder), partial(_write, comparison), what="the comparison")


def json_text(comparison: ArchitectureComparison) -> str:
    """The content of `architectures.json`."""
    return f"{json.dumps(comparison.found.to_json(), indent=2, allow_nan=False)}\n"


def _write(comparison: ArchitectureComparison, folder: Path) -> None:
    found = comparison.found
    (folder / NUMBERS).write_text(json_text(comparison), encoding="utf-8")
    write_architectures_page(found, SUBSTRATES, folder / PAGE)
    for run in comparison.runs:
        own = folder / run.substrate / run.architecture
        own.mkdir(parents=True)
        write_files(run.result, own)
    figures = folder / FIGURES
    figures.mkdir()
    write_architecture_figures(figures, found)
