"""Tables of evidence: what speaks for the figures, and what they depend on.

Checks, generator health, warm-up, intervals, thresholds, replications, provenance.
"""

from collections.abc import Iterator, Mapping, Sequence

from cqrs_sim.analysis.generator import GeneratorHealth
from cqrs_sim.analysis.intervals import Interval
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import unit_of
from cqrs_sim.analysis.single_run import SingleRunIntervals
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.analysis.warm_up import WarmUpCheck
from cqrs_sim.plain_text import milliseconds, percent
from cqrs_sim.report.readings import NOTHING
from cqrs_sim.report.tables import QUANTILES, Row, Table

TOP_METRICS = ("lag_s", "response_s", "visibility_s", "rates_per_s")
"""Groups of the summary whose replicated metrics are shown."""


def checks_table(summary: Summary) -> Table:
    """Every check, what it found, and the rows that prove a fault."""
    return Table(
        caption="Correctness: was it a right run at all?",
        head=("check", "result", "finding"),
        rows=tuple(
            Row(
                cells=(
                    check.name,
                    "ok" if check.ok else "FAILED",
                    check.detail + _witness(check.witness),
                ),
                tone="" if check.ok else "bad",
            )
            for check in summary.checks
        ),
        is_text=True,
    )


def slip_table(health: GeneratorHealth) -> Table:
    """How far the load strayed from its plan."""
    rows = [("commands", health.slip_s), ("queries", health.queries_slip_s)]
    notes = []
    if health.achieved_share is not None:
        achieved = _per_cent(health.achieved_share)
        notes.append(
            f"Of what the plan wanted sent, {achieved} was sent before the load ended (a run below "
            "99 % is invalid)."
        )
    if health.worst_second is not None and health.worst_second.achieved_share < 1.0:
        worst = health.worst_second
        notes.append(
            f"The worst second began at {worst.at_s:,.0f} s: of {worst.offered:,} operations, "
            f"{_per_cent(worst.achieved_share)} were sent in it."
        )
    notes += _host_notes(health)
    return Table(
        caption="Schedule slip (ms): from intended to sent",
        head=("", *QUANTILES.values(), "n"),
        rows=tuple(
            Row(
                cells=(
                    name,
                    *(
                        "too few" if q in slip.too_few else milliseconds(getattr(slip, q))
                        for q in QUANTILES
                    ),
                    f"{slip.n:,}",
                )
            )
            for name, slip in rows
            if slip.n
        ),
        notes=tuple(notes),
    )


def pauses_table(health: GeneratorHealth) -> Table | None:
    """The worst pauses in which nothing ran; None on a virtual clock, or if there was none."""
    if health.hiccups is None or not health.hiccups.worst:
        return None
    return Table(
        caption="Hiccups: the longest pauses of the machine (ms)",
        head=("at (s)", "length", "of it at most our own work"),
        rows=tuple(
            Row(
                cells=(
                    f"{pause.at_s:,.3f}",
                    milliseconds(pause.length_s),
                    milliseconds(pause.busy_s),
                )
            )
            for pause in health.hiccups.worst
        ),
    )


def warm_up_table(summary: Summary) -> Table:
    """The stated cut, and what MSER-5 says of it."""
    found = [("response", summary.warm_up.response)]
    found += [(f"lag of {name}", check) for name, check in summary.warm_up.lag.items()]
    return Table(
        caption=f"Warm-up: the first {summary.warm_up.cut_s:.4g} s are left out",
        head=("measure", "MSER-5 would cut at", "its opinion"),
        rows=tuple(Row(cells=(name, *_opinion(check))) for name, check in found),
        notes=(
            "The cut is stated in the scenario; MSER-5 is a second opinion on a steady load.",
            "Where the load follows a profile, or a stage pauses, there is no level to reach.",
        ),
        is_text=True,
    )


def intervals_table(summary: Summary) -> Table:
    """How far the figures of this one run can be trusted."""
    found: list[tuple[str, SingleRunIntervals | None]] = [("response", summary.response_interval)]
    found += [(f"lag of {name}", one) for name, one in summary.lag_intervals.items()]
    rows = []
    for name, both in found:
        if both is None:
            rows.append(Row(cells=(name, "withheld: saturated", "", "")))
            continue
        for what, interval in (("mean", both.mean), ("p99", both.p99)):
            rows.append(Row(cells=(f"{name}, {what}", *_interval(interval))))
    return Table(
        caption="95 % intervals of this single run (ms): the weaker evidence",
        head=("measure", "centre", "from, to", "method"),
        rows=tuple(rows),
        notes=(
            "Latencies of one run depend on each other: these are of its batches and sections.",
            "Replications with fresh seeds are stronger: cqrs-sim run --replications 10.",
        ),
        is_text=True,
    )


def thresholds_table(document: Mapping[str, Json]) -> Table | None:
    """The verdicts of the thresholds; None if the run had none."""
    found = document.get("thresholds")
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        return None
    rows = []
    for one in found:
        if isinstance(one, Mapping):
            ok = bool(one.get("ok"))
            value = one.get("value")
            cells = (
                str(one.get("expression", "")),
                _measured(value, str(one.get("unit", "number"))),
                "kept" if ok else f"FAILED {one.get('reason') or ''}".strip(),
            )
            rows.append(Row(cells=cells, tone="good" if ok else "bad"))
    return Table(
        caption="Thresholds",
        head=("limit", "measured", "verdict"),
        rows=tuple(rows),
        is_text=True,
    )


def replications_table(document: Mapping[str, Json]) -> Table | None:
    """Means and t-intervals over replications; None if the run was a single one."""
    found = document.get("replications")
    metrics = found.get("metrics") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(metrics, Mapping):
        return None
    rows = []
    for name, metric in metrics.items():
        path = name.split(".")
        if path[0] not in TOP_METRICS or not isinstance(metric, Mapping):
            continue
        unit = unit_of(path)
        figures = [_measured(metric.get(key), unit) for key in ("mean", "low", "high")]
        if figures[0] != NOTHING and path[-1] not in ("n", "censored"):
            rows.append(Row(cells=(name, figures[0], f"{figures[1]} to {figures[2]}")))
    return Table(
        caption=f"95 % intervals over {found.get('n')} replications with fresh seeds",
        head=("metric", "mean", "interval"),
        rows=tuple(rows),
        is_text=True,
    )


def provenance_table(facts: Mapping[str, Json]) -> Table:
    """What the result depends on beside scenario and seed."""
    return Table(
        caption="Provenance",
        head=("fact", "value"),
        rows=tuple(Row(cells=pair) for pair in _leaves(facts)),
        is_text=True,
    )


def _leaves(facts: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{name}: ")
        elif not isinstance(value, Sequence) or isinstance(value, str):
            yield name, str(value)


def _witness(rows: Sequence[int]) -> str:
    return f" (rows {', '.join(str(row) for row in rows)})" if rows else ""


def _opinion(check: WarmUpCheck) -> tuple[str, str]:
    at = NOTHING if check.mser5_s is None else f"{check.mser5_s:.4g} s"
    return at, str(check.opinion)


def _interval(interval: Interval) -> tuple[str, str, str]:
    centre = milliseconds(interval.mean)
    if interval.low is None or interval.high is None:
        return centre, f"none: {interval.reason}", interval.method
    return centre, f"{milliseconds(interval.low)} to {milliseconds(interval.high)}", interval.method


def _measured(value: Json, unit: str) -> str:
    if not isinstance(value, int | float):
        return NOTHING
    if unit == "s":
        return f"{milliseconds(float(value))} ms"
    return f"{value:,.6g}/s" if unit == "per_s" else f"{value:,.6g}"


def _per_cent(share: float) -> str:
    return f"{100.0 * share:.4g} %"


def _host_notes(health: GeneratorHealth) -> list[str]:
    notes = []
    if health.pacer is not None:
        spun, slept = _per_cent(health.pacer.spin_share), _per_cent(health.pacer.idle_share)
        notes.append(
            f"To wake at the right instant the thread spun for {spun} of the run; it slept for "
            f"{slept}."
        )
    if health.hiccups is not None:
        seen = health.hiccups
        notes.append(
            f"A ticker that was to tick every {milliseconds(seen.period_s)} ms came more than a "
            f"period late {seen.late:,} of {seen.ticks:,} times ({percent(seen.late, seen.ticks)})."
        )
    return notes
