"""Charts and tables of a calibration: prediction beside measurement, and what each stage costs."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.calibration.calibrate import Calibration
from cqrs_sim.calibration.prediction import (
    ANSWER,
    JUDGED_AT,
    RESPONSE,
    TOLERANCE,
    AtRate,
    Pair,
    lag,
)
from cqrs_sim.calibration.words import NOTHING, microseconds, per_cent
from cqrs_sim.report.chart import Axis, Chart, Series, Whisker
from cqrs_sim.report.scales import linear_to_tick, logarithmic, ticks
from cqrs_sim.report.tables import Row, Table

READ_MODEL_LOOKS = 4


def response_chart(found: Calibration) -> Chart:
    """Median response of commands and queries over the rate."""
    looks = {RESPONSE: "write", ANSWER: "load"}
    names = [name for name in looks if _is_known(found, name)]
    return _chart(
        found,
        key="response",
        title="Median response, predicted and measured",
        lead="From the instant the plan wanted an operation sent. Solid: measured, with least and "
        "greatest of the runs; dotted: predicted by the calibrated scenario.",
        looks={name: looks[name] for name in names},
    )


def lag_chart(found: Calibration) -> Chart:
    """Median lag of each read model over the rate."""
    looks = {
        lag(name): f"rm{index % READ_MODEL_LOOKS}"
        for index, name in enumerate(found.source.read_models)
    }
    return _chart(
        found,
        key="lag",
        title="Median lag, predicted and measured",
        lead="From the commit to the instant a read model shows the event, by read model.",
        looks=looks,
    )


def errors_table(found: Calibration) -> Table:
    """Every quantity at every rate."""
    rows = [
        Row(cells=(f"{rate.share:.0%} ({rate.rate_per_s:,.0f}/s)", *cells), tone=tone)
        for rate in found.rates
        for cells, tone in _rows_of(rate)
    ]
    return Table(
        caption="Prediction beside measurement (µs)",
        head=(
            "rate", "quantity", "median predicted", "measured", "least", "greatest", "error",
            "p99 predicted", "p99 measured",
        ),
        rows=tuple(rows),
        notes=(
            f"Each run: {found.plan.operations:,} operations; measured: the median over "
            f"{found.plan.repetitions} runs of what each came to. The verdict is about the medians "
            f"of response and lag at {JUDGED_AT:.0%} of saturation: off by {TOLERANCE:.0%} at most.",
            *_invalid_notes(found),
        ),
    )  # fmt: skip


def stages_table(found: Calibration) -> Table:
    """What each stage costs."""
    rows = []
    for name, time in found.stages.items():
        low, high = found.range_of(name)
        figures = map(microseconds, (time.mean_s, low, high, time.median_s))
        rows.append(Row(cells=(name, *figures, f"{time.cv:.2f}", f"{time.n:,}")))
    return Table(
        caption=f"Stage times at {JUDGED_AT:.0%} of saturation (µs)",
        head=("stage", "mean", "least", "greatest", "median", "cv", "n"),
        rows=tuple(rows),
        notes=(
            "Least and greatest: means of single runs. cv: standard deviation / mean. Send, settle "
            "and wake are told from others by comparison, so they have no spread of their own. "
            "The longest half per cent of each stage's times is set aside.",
        ),
    )


def accounts_table(found: Calibration) -> Table:
    """Where the thread's time went in the runs that the stage times come of."""
    rows = []
    for number, run in enumerate(found.runs, start=1):
        shares = (
            run.busy_s,
            run.idle_s,
            run.elapsed_s - run.busy_s - run.idle_s,
            run.set_aside_s,
        )
        cells = (f"{share / run.elapsed_s:.1%}" for share in shares)
        rows.append(Row(cells=(f"run {number}", *cells)))
    return Table(
        caption="Where the time of the thread went",
        head=("", "in stages", "waiting", "without a stamp", "of the stages, set aside"),
        rows=tuple(rows),
        notes=(
            "The first three sum to the whole run. Without a stamp: settling (the kernel looks once "
            "more, the host goes to wait) and waking.",
        ),
    )


def _rows_of(rate: AtRate) -> Iterator[tuple[tuple[str, ...], str]]:
    tails = {pair.name: pair for pair in rate.tails()}
    judged = {pair.name for pair in rate.judged()} if rate.share == JUDGED_AT else set()
    for pair in rate.medians():
        tail = tails[pair.name]
        figures = (pair.predicted_s, pair.measured_s, pair.measured_low_s, pair.measured_high_s)
        cells = (
            pair.name,
            *map(microseconds, figures),
            per_cent(pair.error),
            microseconds(tail.predicted_s),
            microseconds(tail.measured_s),
        )
        tone = "quiet"
        if pair.name in judged:
            tone = "good" if pair.is_within else "bad"
        yield cells, tone


def _invalid_notes(found: Calibration) -> Iterator[str]:
    for rate in found.rates:
        repeated = sum(run.is_repeated for run in rate.measured)
        if repeated:
            yield f"At {rate.share:.0%}: {repeated} runs were repeated, since their generator was late."
        for line in rate.invalid:
            yield f"At {rate.share:.0%}, invalid even then: {line}."


def _is_known(found: Calibration, name: str) -> bool:
    return any(pair.name == name for rate in found.rates for pair in rate.medians())


def _pairs(found: Calibration, name: str) -> list[Pair | None]:
    by_rate = ({pair.name: pair for pair in rate.medians()} for rate in found.rates)
    return [pairs.get(name) for pairs in by_rate]


def _chart(found: Calibration, *, key: str, title: str, lead: str, looks: dict[str, str]) -> Chart:
    series: list[Series] = []
    whiskers: list[Whisker] = []
    rates = np.array([rate.rate_per_s for rate in found.rates])
    for name, look in looks.items():
        pairs = _pairs(found, name)
        measured = _values([None if pair is None else pair.measured_s for pair in pairs])
        predicted = _values([None if pair is None else pair.predicted_s for pair in pairs])
        series.append(_series(name, look, measured))
        series.append(_series(f"{name}, predicted", look, predicted, is_measured=False))
        for rate, pair in zip(rates.tolist(), pairs, strict=True):
            if pair is None or None in (pair.measured_low_s, pair.measured_s, pair.measured_high_s):
                continue
            low, middle, high = (
                1e6 * (value or 0.0)
                for value in (pair.measured_low_s, pair.measured_s, pair.measured_high_s)
            )
            whiskers.append(Whisker(look=look, at=rate, low=low, middle=middle, high=high))
    values = np.concatenate([one.values for one in series]) if series else np.zeros(0)
    ends = [end for whisker in whiskers for end in (whisker.low, whisker.high)]
    scale = logarithmic(np.concatenate([values, np.array(ends, np.float64)]))
    across = linear_to_tick(float(rates.max(initial=1.0)))
    return Chart(
        key=key,
        title=title,
        lead=lead,
        alternative=_in_words(found, looks),
        x=Axis(title="rate (operations per second)", scale=across, ticks=ticks(across)),
        y=Axis(title="µs", scale=scale, ticks=ticks(scale)),
        at=rates,
        at_texts=tuple(f"{rate.rate_per_s:,.0f}/s ({rate.share:.0%})" for rate in found.rates),
        at_name="rate",
        series=tuple(series),
        whiskers=tuple(whiskers),
    )


def _series(
    name: str, look: str, values: NDArray[np.float64], *, is_measured: bool = True
) -> Series:
    texts = tuple(NOTHING if np.isnan(value) else f"{value:,.1f}" for value in values.tolist())
    return Series(
        name=name,
        look=look,
        values=values,
        texts=texts,
        unit="µs",
        weight="line" if is_measured else "bound",
        is_labelled=is_measured,
    )


def _values(durations_s: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value * 1e6 for value in durations_s])


def _in_words(found: Calibration, looks: dict[str, str]) -> str:
    parts = []
    for name in looks:
        for rate, pair in zip(found.rates, _pairs(found, name), strict=True):
            if pair is not None:
                parts.append(
                    f"{name} at {rate.share:.0%}: predicted {microseconds(pair.predicted_s)}, "
                    f"measured {microseconds(pair.measured_s)} µs ({per_cent(pair.error)})"
                )
    return "; ".join(parts) + "."
