"""The table of rebuilt read models: how long each took, and the lag around it."""

from collections.abc import Iterator, Sequence

from cqrs_sim.analysis.quantiles import SampleSummary
from cqrs_sim.analysis.rebuilds import RebuildSummary
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.readings import NOTHING
from cqrs_sim.report.tables import Row, Table


def rebuilds_table(rebuilds: Sequence[RebuildSummary]) -> Table | None:
    """Every rebuild with the mean lag of each read model around it; None if there was none."""
    if not rebuilds:
        return None
    return Table(
        caption="Rebuilt beside the live one: mean lag (ms) before, during and after",
        head=("read model", "events", "per second", "before", "during", "after"),
        rows=tuple(row for told in rebuilds for row in _rows(told)),
        notes=(
            "A rebuild that was switched to equals the live read model, row by row (see Evidence).",
            "What it added is seen best against the same seed without it; here load varies too.",
        ),
    )


def _rows(told: RebuildSummary) -> Iterator[Row]:
    rebuild = told.rebuild
    span = f"from {rebuild.began_ns / 1e9:,.4g} s, "
    if rebuild.switched_ns is None:
        span += "dropped when the run ended"
    else:
        span += f"switched at {rebuild.switched_ns / 1e9:,.4g} s"
    rate = NOTHING if told.events_per_s is None else f"{told.events_per_s:,.0f}"
    head = f"{rebuild.read_model} rebuilt {span}"
    yield Row(cells=(head, f"{rebuild.events:,}", rate, "", "", ""))
    for name, phases in told.lag_s.items():
        lags = (_mean(phases.before), _mean(phases.during), _mean(phases.after))
        yield Row(cells=(f"lag of {name}", "", "", *lags), tone="quiet")


def _mean(sample: SampleSummary) -> str:
    return NOTHING if sample.mean is None else milliseconds(sample.mean)
