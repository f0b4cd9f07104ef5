"""`cqrs-sim diagram`: the architecture of a scenario as a Mermaid diagram."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cqrs_sim.errors import ResultFolderError
from cqrs_sim.verbs.options import settings_option


@click.command(short_help="Draw a scenario's architecture, as Mermaid text.")
@click.argument("scenario", required=False)
@settings_option("read_models.orders.projection=inline")
@click.option(
    "--result", metavar="FOLDER", help="Draw the scenario of this result, with its figures."
)
@click.option("-o", "--out", metavar="FILE", help="A new file for it, in place of stdout.")
def diagram(
    scenario: str | None, settings: Sequence[str], result: str | None, out: str | None
) -> int:
    """Draw the architecture of SCENARIO (by default "default") as Mermaid text.

    Mermaid is drawn by many editors and pages, wherever a fenced block is of the language
    `mermaid`. With --result the figures of a run stand on nodes and edges.
    """
    from functools import partial

    from cqrs_sim.diagram.drawing import diagram_of
    from cqrs_sim.diagram.graph import to_mermaid
    from cqrs_sim.loading import load
    from cqrs_sim.new_folders import write_file
    from cqrs_sim.simulation import load_scenario
    from cqrs_sim.terminal.screen import Screen, show_lines

    if result is not None and (scenario is not None or settings):
        raise click.UsageError("--result has a scenario of its own: name no other, and no settings")
    if out is not None and os.path.lexists(out):
        raise ResultFolderError(f"{out} exists already; name a new file")
    if result is None:
        graph = diagram_of(load_scenario(scenario or "default", settings))
    else:
        found = load(result)
        graph = diagram_of(found.scenario, found.summary)
    screen, text = Screen(sys.stdout), to_mermaid(graph)
    if out is None:
        screen.write(text)
    else:
        write_file(Path(out), partial(_write, text))
        show_lines(screen, [f"written to {out}"])
    return 0


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")
