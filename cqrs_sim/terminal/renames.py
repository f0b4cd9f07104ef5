"""What came of renamed customers, in the summary that ends a run."""

from collections.abc import Iterator

from rich.text import Text

from cqrs_sim.analysis.quantiles import SampleSummary
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.plain_text import count_of, milliseconds, printable


def renames(summary: Summary) -> Iterator[Text]:
    """How soon new names were accepted and shown, and in how many rows; nothing if there are none.

    The maximum stands beside the mean, as there are often too few for a quantile.
    """
    told = summary.renames
    if told is None:
        return
    text = f"renames: {told.submitted:,} submitted, {told.committed:,} committed"
    yield Text(f"{text}; response {_mean_and_max(told.response_s)}")
    for name, one in told.read_models.items():
        text = f"names in {printable(name)}: {count_of(one.applied, 'rename')} shown"
        if one.rows_mean is not None:
            text += f" in {one.rows:,} rows, {one.rows_mean:,.1f} each"
        text += f"; lag {_mean_and_max(one.lag_s)}"
        if one.channel_mean_s is not None and one.apply_mean_s is not None:
            text += f", of it channel {milliseconds(one.channel_mean_s)}"
            text += f" + apply {milliseconds(one.apply_mean_s)}"
        yield Text(text)


def _mean_and_max(sample: SampleSummary) -> str:
    if sample.mean is None:
        late = f": {sample.censored:,} of {sample.n:,} were not over when the run ended"
        return f"withheld{late if sample.censored else ''}" if sample.n else "-"
    return f"mean {milliseconds(sample.mean)} ms, max {milliseconds(sample.max)} ms"
