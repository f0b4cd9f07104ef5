"""Databases that stages share: what no single field shows to be wrong about them."""

import re
from collections.abc import Iterator, Mapping

from cqrs_sim.scenario.parts import Database, ReadModel, Run, WriteSide
from cqrs_sim.scenario.wording import joined, nearest, shown

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
MOST_DATABASES = 100


def databases_used(
    write_side: WriteSide | None, read_models: Mapping[str, ReadModel] | None
) -> dict[str, str]:
    """The database of each stage that names one, by the path of that key."""
    used = {}
    if write_side is not None and write_side.database is not None:
        used["write_side.database"] = write_side.database
    for name, model in (read_models or {}).items():
        if model.database is not None:
            used[f"{joined('read_models', name)}.database"] = model.database
    return used


def of_databases(
    databases: Mapping[str, Database], used: Mapping[str, str], run: Run | None
) -> Iterator[str]:
    """Names that cannot be, databases that are not there, and processors beside them."""
    if len(databases) > MOST_DATABASES:
        yield f"databases: must be at most {MOST_DATABASES}, not {len(databases):,}"
        return
    for name in databases:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield (
                f"{joined('databases', name)}: a database is named by up to 40 letters, digits, "
                "_ and -, such as databases.main"
            )
    for path, name in used.items():
        if name not in databases:
            near = nearest(name, databases)
            there = ", ".join(map(str, databases)) or "none"
            hint = f"did you mean {shown(near)}?" if near else f"there are: {there}"
            yield f"{path} = {shown(name)}: no such database; {hint}"
    if used and run is not None and run.processors:
        yield (
            f"run.processors = {run.processors}: a stage waits for a processor or for a connection "
            f"of a database, not for both; leave out either this or {next(iter(used))}"
        )
