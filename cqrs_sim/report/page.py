"""The page: charts, tables and words put into one file that needs nothing else.

Every name in it may come from anybody, so markup is made by Jinja2 with escaping on, and every
text passes `printable` on its way. Should a name get through nevertheless, the page's own security
policy lets no script run and no style apply but the two that it names by their hashes, and nothing
be fetched.
"""

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.rebuilds import RebuildSummary
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import printable
from cqrs_sim.report.answer_charts import response_chart, stale_chart
from cqrs_sim.report.attempts_table import attempts_table
from cqrs_sim.report.backlog_charts import backlog_age_chart, backlog_chart
from cqrs_sim.report.delivery_table import delivery_table, gaps_table
from cqrs_sim.report.enrichment_rows import enrichment_table
from cqrs_sim.report.evidence import (
    checks_table,
    intervals_table,
    pauses_table,
    provenance_table,
    replications_table,
    slip_table,
    thresholds_table,
    warm_up_table,
)
from cqrs_sim.report.key_figures import busiest_order, key_figures
from cqrs_sim.report.lag_charts import lag_time_charts, tail_chart
from cqrs_sim.report.load_charts import rates_chart, slip_chart
from cqrs_sim.report.rebuild_table import rebuilds_table
from cqrs_sim.report.rename_rows import renames_table
from cqrs_sim.report.stage_bars import stage_bars
from cqrs_sim.report.tables import (
    backlog_table,
    commands_table,
    lag_table,
    reads_table,
    visibility_table,
)
from cqrs_sim.report.timeline import timeline_of
from cqrs_sim.report.visibility_chart import visibility_chart
from cqrs_sim.scenario.reading import to_toml
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.verdict import judge

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE, STYLE, SCRIPT = "page.html", "page.css", "readings.js"


class Reported(Protocol):
    """What the page needs of a result: `results.Result` has it all."""

    @property
    def trace(self) -> Trace:
        """The run."""

    @property
    def scenario(self) -> Scenario:
        """What was to be run."""

    @property
    def seed(self) -> int:
        """Of all draws."""

    @property
    def engine(self) -> str:
        """What ran it."""

    @property
    def provenance(self) -> Mapping[str, Json]:
        """Versions, machine, clock."""

    @property
    def replications(self) -> Replications | None:
        """What runs with other seeds came to, if there were any."""

    @property
    def rebuild_summaries(self) -> Sequence[RebuildSummary]:
        """What the rebuilds of read models took and cost, if there were any."""

    @property
    def summary(self) -> Summary:
        """What it came to."""

    def to_json(self) -> Mapping[str, Json]:
        """The content of `summary.json`, thresholds and replications included."""


def write_report(result: Reported, path: Path) -> None:
    """Write the report of a result; what stands at `path` is replaced, all or nothing.

    Args:
        result: what to report.
        path: of the file, such as `report.html`; its folder exists. A link there is replaced, not
            followed.

    Raises:
        ResultFolderError: if the disk or its permissions do not allow it.
    """
    write_page(report_html(result), path)


def write_page(text: str, path: Path) -> None:
    """Write a page; what stands at `path` is replaced, all or nothing; a link is not followed.

    Raises:
        ResultFolderError: if the disk or its permissions do not allow it.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with partial.open("xb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ResultFolderError(f"cannot write {path}: {error.strerror or error}") from error


def report_html(result: Reported) -> str:
    """The report of a result as one HTML file; equal results give equal pages."""
    return rendered(TEMPLATE, _content(result))


def rendered(template: str, content: Mapping[str, object]) -> str:
    """A template filled in, with the style and the script that all pages share.

    Args:
        template: name of a file beside this one.
        content: what it shows, by name; every text is escaped.
    """
    style, script = _text_of(STYLE), _text_of(SCRIPT)
    return _template(template).render(
        style=style,
        script=script,
        policy=_policy(style, script),
        **content,
    )


@cache
def _template(name: str) -> "Template":
    """A template, compiled once: that takes as long as filling it."""
    # Jinja2 takes its time to import; the command line should not wait for it.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cqrs_sim.report", package_path="."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template(name)


def _content(result: Reported) -> dict[str, object]:
    """Everything that the template shows, by name."""
    trace, scenario, summary = result.trace, result.scenario, result.summary
    document = result.to_json()
    after_ns = scenario.run.warm_up
    saturated = {load.stage: load for load in summary.saturated}
    rebuilds = result.rebuild_summaries
    timeline = timeline_of(trace, scenario, [told.rebuild for told in rebuilds])
    aborted = document.get("aborted")
    return {
        "scenario": scenario,
        "verdict": judge(
            summary, aborted if isinstance(aborted, str) else None, result.replications
        ),
        "frame": list(_frame(result, document)),
        "aborted": aborted,
        "figures": key_figures(summary),
        "thresholds": thresholds_table(document),
        "replications": replications_table(document),
        "visibility": visibility_chart(
            trace, after_ns=after_ns, saturated=saturated, replications=result.replications
        ),
        "stages": stage_bars(trace, after_ns=after_ns, saturated=saturated),
        "busiest_order": busiest_order(trace),
        "lag_table": lag_table(summary),
        "visibility_table": visibility_table(summary),
        "rebuilds": rebuilds_table(rebuilds),
        "lag_times": lag_time_charts(trace, timeline, saturated, summary.episodes),
        "bin_text": timeline.bin_text,
        "tail": tail_chart(
            trace, after_ns=after_ns, saturated=saturated, replications=result.replications
        ),
        "rates": rates_chart(trace, timeline),
        "backlog": backlog_chart(trace, timeline),
        "backlog_age": backlog_age_chart(trace, timeline),
        "backlog_table": backlog_table(summary),
        "response": response_chart(
            trace,
            after_ns=after_ns,
            is_saturated=WRITE_SIDE in saturated,
            replications=result.replications,
        ),
        "commands_table": commands_table(summary, trace, after_ns=after_ns),
        "stale": stale_chart(trace, timeline),
        "reads_table": reads_table(summary),
        "slip": slip_chart(trace, timeline),
        "slip_table": slip_table(summary.generator),
        "pauses": pauses_table(summary.generator),
        "invalid": summary.invalid,
        "checks": checks_table(summary),
        "attempts": attempts_table(summary),
        "deliveries": delivery_table(summary),
        "gaps": gaps_table(summary),
        "enrichment": enrichment_table(summary),
        "renames": renames_table(summary),
        "warm_up": warm_up_table(summary),
        "intervals": intervals_table(summary),
        "provenance": provenance_table({"seed": result.seed, **_facts(result)}),
        "toml_lines": to_toml(scenario).splitlines(),
    }


def _frame(result: Reported, document: Mapping[str, Json]) -> Iterator[str]:
    """How the run was made, in a few words each."""
    summary, run = result.summary, result.scenario.run
    yield f"{summary.engine} engine, {result.provenance.get('clock', 'unknown')} clock"
    yield f"seed {summary.seed}"
    yield f"{result.trace.load_ended_ns / 1e9:.4g} s of load"
    if run.warm_up:
        yield f"the first {summary.warm_up_s:.4g} s left out"
    if result.scenario.load.model == "closed":
        # Coordinated omission: whoever compares this with an open run should know.
        yield "closed loop: a slow system is asked less"
    replications = document.get("replications")
    if isinstance(replications, Mapping) and replications.get("n"):
        yield f"the first of {replications['n']} replications"


def _facts(result: Reported) -> dict[str, Json]:
    summary = result.summary
    facts: dict[str, Json] = {
        "scenario": summary.scenario,
        "engine": summary.engine,
        "complete": "yes" if result.to_json()["complete"] else "no: cut short",
        "warm-up cut": f"{summary.warm_up_s:.4g} s",
        "ended at": f"{result.trace.ended_ns / 1e9:.6g} s",
    }
    return facts | {key: value for key, value in result.provenance.items() if key != "host"}


def _shown(value: object) -> object:
    """Texts without what could steer a screen; markup of our own (`safe`) as it is."""
    return printable(value) if type(value) is str else value


def _text_of(name: str) -> str:
    return (resources.files("cqrs_sim.report") / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """The content security policy: this style, this script, and nothing else from anywhere."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
    return f"'sha256-{digest.decode()}'"
