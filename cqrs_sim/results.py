"""Results: what a run gives back, and the folder that it is written to.

A folder is written beside its place and put there at once, so that a full disk, a crash or Ctrl-C
leaves either nothing or what was there before. What is in a user's way is never overwritten.
"""

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Mapping
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import Metrics
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.summary import Summary, summarise
from cqrs_sim.analysis.thresholds import Verdict, judge, parse_thresholds
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.histograms import write_histograms
from cqrs_sim.measurement.trace import Trace, save_trace
from cqrs_sim.plots.run import write_figures
from cqrs_sim.report.page import write_report
from cqrs_sim.scenario.reading import to_toml
from cqrs_sim.scenario.scenario import Scenario

Engine: TypeAlias = Literal["virtual", "wall", "algebra"]

SUMMARY = "summary.json"
SCENARIO = "scenario.toml"
TRACE = "trace.npz"
FIGURES = "figures"
REPORT = "report.html"
HISTOGRAMS = "histograms"
REPLICATIONS = "replications"
PACKAGES = ("cqrs-sim", "numpy", "scipy", "trio")


def clock_kind(engine: Engine) -> str:
    """Which clock an engine's stamps are of: `wall` or `virtual`; the two are never mixed."""
    return "wall" if engine == "wall" else "virtual"


def provenance_of(engine: Engine) -> dict[str, Json]:
    """What a result depends on beside scenario and seed: versions, machine, clock."""
    return {
        "clock": clock_kind(engine),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "machine": {"platform": platform.platform(), "cpus_count": os.cpu_count()},
    }


@attrs.frozen(eq=False, kw_only=True)
class Result:
    """What came of a run."""

    trace: Trace
    scenario: Scenario
    seed: int
    engine: Engine
    complete: bool = True
    """False if the run was cut short."""
    aborted: str | None = None
    """The threshold that ended the run early, with the value seen then."""
    replications: Replications | None = None
    """What runs with other seeds came to, this one among them."""
    extra_checks: tuple[CheckResult, ...] = ()
    """Findings of the engine that need more than the trace."""
    provenance: Mapping[str, Json] = attrs.field()

    @provenance.default
    def _provenance(self) -> Mapping[str, Json]:
        return provenance_of(self.engine)

    @cached_property
    def summary(self) -> Summary:
        """The run summed up, from the scenario's warm-up on."""
        return summarise(
            self.trace,
            scenario=self.scenario.name,
            engine=self.engine,
            seed=self.seed,
            complete=self.complete,
            warm_up_ns=self.scenario.run.warm_up,
            deadline_ns=self.trace.load_ended_ns + self.scenario.run.drain,
            checks=self.extra_checks,
            provenance=self.provenance,
            query_timeout_ns=self.scenario.queries.timeout,
        )

    @cached_property
    def metrics(self) -> Metrics:
        """Every number of the summary by its name: `result.metrics["lag.orders.p99"]`."""
        return Metrics(self.summary.to_json())

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """On the scenario's thresholds; with replications each holds for the mean over them."""
        summary = self.summary.to_json()
        if self.replications is not None and self.replications.seeds:
            summary = self.replications.summary(summary)
        return judge(parse_thresholds(self.scenario.thresholds), summary)

    def to_json(self) -> dict[str, Json]:
        """The content of `summary.json`."""
        replications = self.replications
        return {
            **self.summary.to_json(),
            "aborted": self.aborted,
            "thresholds": [verdict.to_json() for verdict in self.verdicts],
            "replications": None if replications is None else replications.to_json(),
        }

    @property
    def title(self) -> str:
        """What stands above a figure: the scenario, and how it was run, on two lines."""
        how = [f"{self.engine} engine", f"{clock_kind(self.engine)} clock", f"seed {self.seed}"]
        if self.scenario.load.model == "closed":
            how.append("closed loop")
        if self.replications is not None:
            how.append(f"the first of {len(self.replications.seeds)} replications")
        if not self.complete:
            how.append("cut short")
        return f"{self.scenario.name}\n{' · '.join(how)}"


def write_result(result: Result, folder: Path | str, *, force: bool = False) -> None:
    """Write summary, scenario, trace and figures into a new folder, all or nothing.

    Args:
        result: what to write.
        folder: must not exist, or be empty; parents are made.
        force: replace an earlier result there (nothing else is ever replaced).

    Raises:
        ResultFolderError: if that may not or cannot be done; one line that names the folder.
    """
    folder = Path(folder)
    check_folder(folder, force=force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = _make_sibling(folder)
        try:
            _write_files(result, partial)
            _put_in_place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, ValueError) as error:
        # The layers below name the temporary folder, of which the caller knows nothing.
        cause = error.__cause__ if isinstance(error, ResultFolderError) else error
        reason = getattr(cause, "strerror", None) or cause or error
        raise ResultFolderError(f"cannot write the result to {folder}: {reason}") from error


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse whatever would be lost, links that lead elsewhere, and places that take no folder.

    `write_result` does it; so may a caller, before a run whose result would have no place.

    Raises:
        ResultFolderError: one line that names the folder.
    """
    try:
        if folder.is_symlink():
            raise ResultFolderError(f"{folder} is a symbolic link; results do not go through it")
        if not folder.exists():
            _check_parent(folder)
            return
        if not folder.is_dir():
            raise ResultFolderError(f"{folder} exists and is not a folder")
        if folder.samefile(Path.cwd()):
            raise ResultFolderError(f"{folder} is the current folder; name another one")
        names = {entry.name for entry in folder.iterdir()}
    except ResultFolderError:
        raise
    except OSError as error:
        raise ResultFolderError(f"cannot use {folder}: {error.strerror}") from error
    if not names:
        return
    if not force:
        raise ResultFolderError(f"{folder} is not empty; --force replaces an earlier result")
    summary = folder / SUMMARY
    if summary.is_symlink() or not summary.is_file():
        raise ResultFolderError(f"{folder} holds no {SUMMARY}, so it is not replaced")


def _check_parent(folder: Path) -> None:
    """Try whether a folder can be made: permissions alone do not tell (full or special disks)."""
    nearest = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        _make_sibling(nearest / folder.name).rmdir()
    except OSError as error:
        reason = error.strerror or error
        raise ResultFolderError(f"{folder} cannot be made in {nearest}: {reason}") from error


def _make_sibling(folder: Path) -> Path:
    """A new empty folder with the folder's parent, so that a rename suffices in the end."""
    for number in count():
        sibling = folder.parent / f".cqrs-sim-{os.getpid()}-{number}"
        try:
            sibling.mkdir()
        except FileExistsError:
            continue
        return sibling
    raise AssertionError("count() does not end")


def _write_files(result: Result, folder: Path) -> None:
    _write_json(result.to_json(), folder / SUMMARY)
    (folder / SCENARIO).write_text(to_toml(result.scenario), encoding="utf-8")
    save_trace(result.trace, folder / TRACE)
    figures = folder / FIGURES
    figures.mkdir()
    warm_up_ns = result.scenario.run.warm_up
    by_id = result.summary.reads.of_kind(GetOrderById.__name__)
    write_figures(figures, result.trace, result.title, warm_up_ns=warm_up_ns, reads=by_id)
    histograms = folder / HISTOGRAMS
    histograms.mkdir()
    write_histograms(histograms, result.trace, after_ns=warm_up_ns)
    write_report(result, folder / REPORT)
    if result.replications is not None:
        _write_replications(result.replications, folder / REPLICATIONS)
    for path in folder.rglob("*"):
        if path.is_file():
            _reach_the_disk(path)


def _write_json(content: Json, path: Path) -> None:
    text = json.dumps(content, indent=2, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _write_replications(replications: Replications, folder: Path) -> None:
    """The summary of each, in a folder of the seed's number."""
    folder.mkdir()
    for seed, summary in zip(replications.seeds, replications.summaries, strict=False):
        (folder / str(seed)).mkdir()
        _write_json(summary, folder / str(seed) / SUMMARY)


def _reach_the_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename; an earlier result steps aside first and comes back should that fail."""
    if not folder.exists():
        partial.replace(folder)
        return
    earlier = _make_sibling(folder)
    try:
        folder.replace(earlier)
    except OSError:
        earlier.rmdir()
        raise
    try:
        partial.replace(folder)
    except OSError:
        earlier.replace(folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
