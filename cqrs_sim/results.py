"""Results: what a run gives back, and the folder that it is written to."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from cqrs_sim import new_folders
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.diverged import DivergedOrders
from cqrs_sim.analysis.enrichment import check_enrichments
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import Metric, Metrics, metric
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.analysis.rebuilds import Rebuild, RebuildSummary, summarise_rebuild
from cqrs_sim.analysis.rename_checks import check_renames
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.summary import Summary, summarise
from cqrs_sim.analysis.thresholds import Verdict, judge, parse_thresholds
from cqrs_sim.analysis.warm_up import Opinion
from cqrs_sim.histograms import write_histograms
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.measurement.trace_file import save_trace
from cqrs_sim.new_folders import write_folder
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
_HINT = "--force replaces an earlier result"
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
    rebuilds: tuple[Rebuild, ...] = ()
    """Of read models, beside the live ones, in the order in which they began."""
    diverged: DivergedOrders | None = None
    """What read models kept by tasks show wrong for good; of a result that was loaded, the checks
    alone say it."""
    rehydration: Mapping[str, Json] = attrs.field(factory=dict)
    """What it took to bring idle orders back; empty if the engine has no order actors."""
    provenance: Mapping[str, Json] = attrs.field()

    @provenance.default
    def _provenance(self) -> Mapping[str, Json]:
        return provenance_of(self.engine)

    @cached_property
    def summary(self) -> Summary:
        """The run summed up, from the scenario's warm-up on."""
        summary = summarise(
            self.trace,
            scenario=self.scenario.name,
            engine=self.engine,
            seed=self.seed,
            complete=self.complete,
            warm_up_ns=self.scenario.run.warm_up,
            deadline_ns=self._deadline_ns,
            checks=(*self.checks_of_names, *self.extra_checks),
            provenance=self.provenance,
            planned=self._planned,
        )
        return attrs.evolve(summary, rehydration=self.rehydration)

    @property
    def _deadline_ns(self) -> int:
        return self.trace.load_ended_ns + self.scenario.run.drain

    @property
    def _planned(self) -> Planned:
        return Planned(
            query_timeout_ns=self.scenario.queries.timeout,
            varies=self.varies,
            batches=self.scenario.batches,
            unordered=self.scenario.unordered,
            mending=self.scenario.mending,
            naming=self.scenario.renaming,
            is_closed=self.scenario.load.model == "closed",
        )

    @property
    def checks_of_names(self) -> tuple[CheckResult, ...]:
        """Of names from another system: what projectors were to ask, and which renames to show."""
        # What a rebuild showed first no live projector asked.
        rebuilt = {one.read_model for one in self.rebuilds if one.switched_ns is not None}
        asking = self.scenario.asking.items()
        attempts = {name: one.attempts for name, one in asking if name not in rebuilt}
        deadline_ns = self._deadline_ns if self.complete else None
        return (
            *check_enrichments(self.trace, attempts),
            *check_renames(self.trace, self.scenario.renaming, deadline_ns=deadline_ns),
        )

    @cached_property
    def rebuild_summaries(self) -> tuple[RebuildSummary, ...]:
        """What each rebuild took, and cost the others."""
        saturated = {load.stage for load in self.summary.saturated}
        warm_up_ns = self.scenario.run.warm_up
        return tuple(
            summarise_rebuild(self.trace, rebuild, after_ns=warm_up_ns, saturated=saturated)
            for rebuild in self.rebuilds
        )

    @property
    def varies(self) -> dict[str, Opinion]:
        """What keeps stages from being steady by plan, by their names; no entry for the others."""
        scenario = self.scenario
        rates = {rate for part in scenario.load.profile for rate in (part.start, part.end)}
        stages = (WRITE_SIDE, *scenario.read_models)
        if scenario.load.model == "open" and len(rates) > 1:
            return dict.fromkeys(stages, Opinion.LOAD_PROFILE)
        # What comes of a write side that stands still comes to every read model at once.
        if scenario.write_side.pauses or scenario.write_side.crashes:
            return dict.fromkeys(stages, Opinion.PAUSES)
        # A rebuild takes its processors from all.
        if scenario.run.processors and any(m.rebuilds for m in scenario.read_models.values()):
            return dict.fromkeys(stages, Opinion.REBUILDS)
        models = scenario.read_models.items()
        paused = (name for name, model in models if model.pauses or model.crashes)
        return dict.fromkeys(paused, Opinion.PAUSES)

    @cached_property
    def metrics(self) -> Metrics:
        """Every number of the summary by its name: `result.metrics["lag.orders.p99"]`."""
        return Metrics(self.summary.to_json())

    @property
    def is_whole(self) -> bool:
        """Whether all of it ran to its end: the run, and every replication asked for."""
        return self.complete and (self.replications is None or self.replications.is_complete)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """On the scenario's thresholds; with replications each holds for the mean over them."""
        summary, replications = self.summary.to_json(), self.replications
        thresholds = parse_thresholds(self.scenario.thresholds)
        if replications is None or not replications.seeds:
            return judge(thresholds, summary)

        def why(found: Metric) -> str:
            # Not from the means: "too few" counts the values of one run.
            return replications.why_withheld(metric(summary, found.whole_name))

        return judge(thresholds, replications.summary(summary), why)

    def to_json(self) -> dict[str, Json]:
        """The content of `summary.json`."""
        replications = self.replications
        return {
            **self.summary.to_json(),
            "complete": self.is_whole,
            "aborted": self.aborted,
            "thresholds": [verdict.to_json() for verdict in self.verdicts],
            "replications": None if replications is None else replications.to_json(),
            "rebuilds": [rebuild.to_json() for rebuild in self.rebuild_summaries],
        }

    @property
    def title(self) -> str:
        """What stands above a figure: the scenario, and how it was run, on two lines."""
        how = [f"{self.engine} engine", f"{clock_kind(self.engine)} clock", f"seed {self.seed}"]
        if self.scenario.load.model == "closed":
            how.append("closed loop")
        if self.replications is not None and self.replications.seeds:
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
    write_folder(
        Path(folder),
        partial(_write_files, result),
        what="the result",
        hint=_HINT,
        replaces=SUMMARY if force else None,
    )


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse a place for a result before the run; `write_result` does it, too.

    Raises:
        ResultFolderError: one line that names the folder.
    """
    new_folders.check_folder(folder, hint=_HINT, replaces=SUMMARY if force else None)


def _write_files(result: Result, folder: Path) -> None:
    write_files(result, folder)
    figures = folder / FIGURES
    figures.mkdir()
    write_figures(
        figures,
        result.trace,
        result.title,
        warm_up_ns=result.scenario.run.warm_up,
        replications=result.replications,
        rebuilds=result.rebuilds,
    )


def write_files(result: Result, folder: Path) -> None:
    """Write a result into a folder that exists, but for its figures, which take longest to draw.

    For whoever writes many of them, inside `new_folders.write_folder`.
    """
    _write_json(result.to_json(), folder / SUMMARY)
    (folder / SCENARIO).write_text(to_toml(result.scenario), encoding="utf-8")
    save_trace(result.trace, folder / TRACE)
    histograms = folder / HISTOGRAMS
    histograms.mkdir()
    write_histograms(histograms, result.trace, after_ns=result.scenario.run.warm_up)
    write_report(result, folder / REPORT)
    if result.replications is not None:
        _write_replications(result.replications, folder / REPLICATIONS)


def _write_json(content: Json, path: Path) -> None:
    text = json.dumps(content, indent=2, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _write_replications(replications: Replications, folder: Path) -> None:
    """The summary of each, in a folder of the seed's number."""
    folder.mkdir()
    for seed, summary in zip(replications.seeds, replications.summaries, strict=False):
        (folder / str(seed)).mkdir()
        _write_json(summary, folder / str(seed) / SUMMARY)


@cache
def _version(package: str) -> str:
    # Read from files each time, which would be a fifth of a short run.
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
