"""Loading a result folder that may come from anyone.

Nothing is unpickled or run, nothing grows: every file has a size limit, must be a regular one, and
is checked before it is used. The summary is computed anew from the trace, so a folder says what its
trace says, by today's definitions; from `summary.json` come only seed, engine, provenance, what
needs more than a trace (some checks, rehydration, rebuilds), and the replications.
"""

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import cast, get_args

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.databases import stage_name
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.rebuilds import CHECK, Rebuild, rebuilds_from
from cqrs_sim.analysis.replicated import Replications, replications_from
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.summary import SCHEMA
from cqrs_sim.analysis.thresholds import parse_thresholds
from cqrs_sim.errors import IncompleteTraceError, InvalidScenarioError, ResultFolderError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.measurement.trace_file import load_trace
from cqrs_sim.results import SCENARIO, SUMMARY, TRACE, Engine, Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.wording import shown

LARGEST_SUMMARY_BYTES = 50_000_000
LARGEST_TRACE_BYTES = 8_000_000_000
_MOST_DIGITS = 300
OF_THE_ENGINE = ("convergence", "order_states", CHECK)
"""Checks that need more than the trace."""


def load(folder: Path | str) -> Result:
    """The result in a folder.

    Raises:
        ResultFolderError: if there is none, or it is damaged; one line that names the file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ResultFolderError(f"{folder} is not a folder")
    summary = _load_summary(_regular(folder / SUMMARY, LARGEST_SUMMARY_BYTES))
    where = folder / SUMMARY
    engine = summary.get("engine")
    if engine not in get_args(Engine):
        raise ResultFolderError(f"{where}: engine = {shown(engine)}: is no engine")
    seed = summary.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:
        raise ResultFolderError(f"{where}: seed = {shown(seed)}: must be from 0 to 2**64 - 1")
    scenario = _load_scenario(_regular(folder / SCENARIO, LARGEST_SUMMARY_BYTES))
    trace = _load_trace(_regular(folder / TRACE, LARGEST_TRACE_BYTES))
    if set(trace.read_models) != set(scenario.read_models):
        raise ResultFolderError(f"{folder}: {TRACE} and {SCENARIO} have different read models")
    aborted = summary.get("aborted")
    replications = _replications(summary, where, seed, _stages(trace))
    # Of replications only those are counted that ran to their end, the first before all others.
    is_first_whole = replications is not None and bool(replications.seeds)
    return Result(
        trace=trace,
        scenario=scenario,
        seed=seed,
        engine=cast("Engine", engine),
        complete=is_first_whole or summary.get("complete") is True,
        aborted=aborted if isinstance(aborted, str) else None,
        replications=replications,
        extra_checks=tuple(_checks(summary, where)),
        rebuilds=_rebuilds(summary, where, trace),
        rehydration=_table(summary, "rehydration", where),
        provenance=_table(summary, "provenance", where),
    )


def _stages(trace: Trace) -> set[str]:
    return {WRITE_SIDE, *trace.read_models, *map(stage_name, trace.database_names)}


def _regular(path: Path, largest: int) -> Path:
    """The path, if a plain file of reasonable size is there: a pipe would never end."""
    try:
        if not path.is_file():
            raise ResultFolderError(f"{path.parent} holds no {path.name}")
        size = path.stat().st_size
    except ResultFolderError:
        raise
    except OSError as error:
        raise ResultFolderError(f"cannot read {path}: {error.strerror or error}") from error
    if size > largest:
        raise ResultFolderError(f"{path} is larger than {largest:,} bytes")
    return path


def _load_summary(path: Path) -> Mapping[str, Json]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number of a summary")

    try:
        text = path.read_text(encoding="utf-8")
        summary = json.loads(text, parse_constant=refuse, parse_float=_finite, parse_int=_whole)
    except OSError as error:
        raise ResultFolderError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise ResultFolderError(f"{path} is not JSON: {first}") from None
    schema = summary.get("schema") if isinstance(summary, dict) else None
    if schema is None:
        raise ResultFolderError(f"{path} is no summary: it names no schema")
    if schema != SCHEMA or isinstance(schema, bool):
        raise ResultFolderError(f"{path} has schema {shown(schema)}; this version reads {SCHEMA}")
    return cast("Mapping[str, Json]", summary)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shown(text)} is no number of a summary")
    return number


def _whole(text: str) -> int:
    # `int` would refuse them too, with advice on how to have it accept more.
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits is none of a summary")
    return int(text)


def _load_scenario(path: Path) -> Scenario:
    try:
        scenario = read_scenario(path)
        parse_thresholds(scenario.thresholds)
    except InvalidScenarioError as error:
        first, more = error.mistakes[0], len(error.mistakes) - 1
        also = f" (and {more} more mistakes)" if more else ""
        named = first if first.startswith(str(path)) else f"{path}: {first}"
        raise ResultFolderError(f"{named}{also}") from None
    return scenario


def _load_trace(path: Path) -> Trace:
    try:
        return load_trace(path)
    except IncompleteTraceError as error:
        raise ResultFolderError(str(error)) from error
    except MemoryError:
        raise ResultFolderError(f"{path} does not fit into memory") from None


def _table(summary: Mapping[str, Json], key: str, where: Path) -> Mapping[str, Json]:
    table = summary.get(key, {})
    if not isinstance(table, Mapping):
        raise ResultFolderError(f"{where}: {key} must be a table")
    return table


def _checks(summary: Mapping[str, Json], where: Path) -> list[CheckResult]:
    """Those of the engine; the others are made anew from the trace."""
    found = []
    checks = _table(summary, "checks", where)
    for name in OF_THE_ENGINE:
        check = checks.get(name)
        if check is None:
            continue
        ok = check.get("ok") if isinstance(check, Mapping) else None
        detail = check.get("detail") if isinstance(check, Mapping) else None
        if not isinstance(ok, bool) or not isinstance(detail, str):
            raise ResultFolderError(f"{where}: checks.{name} must have ok and detail")
        found.append(CheckResult(name=name, ok=ok, detail=detail))
    return found


def _rebuilds(summary: Mapping[str, Json], where: Path, trace: Trace) -> tuple[Rebuild, ...]:
    try:
        found = rebuilds_from(summary.get("rebuilds", []))
    except ValueError as error:
        raise ResultFolderError(f"{where}: rebuilds{error}") from None
    unknown = [one.read_model for one in found if one.read_model not in trace.read_models]
    if unknown:
        raise ResultFolderError(f"{where}: rebuilds: {shown(unknown[0])} is no read model of it")
    return found


def _replications(
    summary: Mapping[str, Json], where: Path, seed: int, stages: Collection[str]
) -> Replications | None:
    written = summary.get("replications")
    if written is None:
        return None
    try:
        found = replications_from(written)
    except ValueError as error:
        raise ResultFolderError(f"{where}: replications: {error}") from None
    if found.seeds != tuple(range(seed, seed + len(found.seeds))):
        raise ResultFolderError(
            f"{where}: replications: seeds must be {seed} (the run's own) and those that follow"
        )
    findings = found.findings
    named = dict.fromkeys([*findings.saturated, *(one.stage for one in findings.episodes)])
    unknown = [stage for stage in named if stage not in stages]
    if unknown:
        raise ResultFolderError(f"{where}: replications: {shown(unknown[0])} is no stage of it")
    return found
