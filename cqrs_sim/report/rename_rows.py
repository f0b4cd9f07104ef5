"""The table of renamed customers: what a new name took until it was accepted, and until shown."""

from collections.abc import Collection, Iterator

from cqrs_sim.analysis.quantiles import SampleSummary
from cqrs_sim.analysis.renames import RenamesSummary
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.tables import Row, Table

_WITHHELD = ("withheld", "-", "-", "-")


def renames_table(summary: Summary) -> Table | None:
    """By the customers' log and by read model; None if nobody is renamed."""
    found = summary.renames
    if found is None:
        return None
    columns = ("p50", "p99", "max", "mean", "channel", "apply")
    return Table(
        caption="Renamed customers (ms): until a new name is committed, and until it is shown",
        head=("", "renames", "rows", "rows each", *columns),
        rows=tuple(_rows(found, {load.stage for load in summary.saturated})),
        notes=tuple(_notes(found)),
    )


def _rows(found: RenamesSummary, saturated: Collection[str]) -> Iterator[Row]:
    yield Row(
        cells=(
            "customers: response",
            f"{found.committed:,}",
            *("-", "-"),
            *_times(found.response_s),
            *("-", "-"),
        )
    )
    for name, one in found.read_models.items():
        yield Row(
            cells=(
                f"{name}: lag",
                f"{one.applied:,}",
                f"{one.rows:,}",
                "-" if one.rows_mean is None else f"{one.rows_mean:,.1f}",
                *(_WITHHELD if name in saturated else _times(one.lag_s)),
                milliseconds(one.channel_mean_s),
                milliseconds(one.apply_mean_s),
            )
        )


def _times(sample: SampleSummary) -> tuple[str, ...]:
    quantiles = {"p50": sample.p50, "p99": sample.p99}
    return (
        *("too few" if q in sample.too_few else milliseconds(s) for q, s in quantiles.items()),
        milliseconds(sample.max),
        milliseconds(sample.mean),
    )


def _notes(found: RenamesSummary) -> Iterator[str]:
    yield (
        "A name stands in every row of its customer, and all are rewritten before the projector "
        "goes on with the next event. Channel and apply are means, which sum to that of the lag."
    )
    if found.committed < found.submitted:
        missing = found.submitted - found.committed
        yield f"{missing:,} of {found.submitted:,} were not committed when the run ended."
    for name, one in found.read_models.items():
        if one.lag_s.censored:
            yield f"{name} did not show {one.lag_s.censored:,} of {one.lag_s.n:,} before that."
