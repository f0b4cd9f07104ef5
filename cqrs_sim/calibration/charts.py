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
from cqrs_sim.plain_text import count_of
from cqrs_sim.report.chart import Axis, Chart, Series, Weight, Whisker
from cqrs_sim.report.scales import Scale, linear_to_tick, logarithmic, ticks
from cqrs_sim.report.tables import Row, Table

READ_MODEL_LOOKS = 4


def prediction_charts(found: Calibration) -> list[Chart]:
    """One chart a quantity: its median over the rate, predicted and measured."""
    looks = {RESPONSE: "write", ANSWER: "load"}
    looks |= {
        lag(name): f"rm{index % READ_MODEL_LOOKS}"
        for index, name in enumerate(found.source.read_models)
    }
    names = dict.fromkeys(pair.name for rate in found.rates for pair in rate.medians())
    scale = logarithmic(np.array([*_everything(found)], np.float64))
    return [
        _chart(found, name, looks[name], f"median-{number}", scale)
        for number, name in enumerate(names)
    ]


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
            (
            f"Each run: {found.plan.operations:,} operations; measured: the median over "
            f"{found.plan.repetitions} runs of what each came to. The verdict is about the "
            f"medians of response and lag at {JUDGED_AT:.0%} of saturation: off by "
            f"{TOLERANCE:.0%} at most."
            ),
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
            (
                "Least and greatest: means of single runs. cv: standard deviation / mean. Send, "
                "settle and wake are told from others by comparison, so they have no spread of "
                "their own."
            ),
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
        )
        cells = (f"{share / run.elapsed_s:.1%}" for share in shares)
        rows.append(Row(cells=(f"run {number}", *cells)))
    return Table(
        caption="Where the time of the thread went",
        head=("", "in stages", "waiting", "without a stamp"),
        rows=tuple(rows),
        notes=(
            (
                "They sum to the whole run. Without a stamp: settling (the kernel looks "
                "once more, the host goes to wait) and waking."
            ),
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
            runs = count_of(repeated, "run")
            yield f"At {rate.share:.0%}: {runs} made once more, since the generator was late."
        for line in rate.invalid:
            yield f"At {rate.share:.0%}, invalid even then: {line}."


def _everything(found: Calibration) -> Iterator[float]:
    for rate in found.rates:
        for pair in rate.medians():
            ends = (pair.predicted_s, pair.measured_low_s, pair.measured_high_s)
            yield from (1e6 * value for value in ends if value is not None)


def _pairs(found: Calibration, name: str) -> list[Pair | None]:
    by_rate = ({pair.name: pair for pair in rate.medians()} for rate in found.rates)
    return [pairs.get(name) for pairs in by_rate]


def _chart(found: Calibration, name: str, look: str, key: str, scale: Scale) -> Chart:
    pairs = _pairs(found, name)
    rates = np.array([rate.rate_per_s for rate in found.rates])
    across = linear_to_tick(float(rates.max(initial=1.0)))
    measured = _values([None if pair is None else pair.measured_s for pair in pairs])
    predicted = _values([None if pair is None else pair.predicted_s for pair in pairs])
    whiskers = [
        Whisker(
            look=look,
            at=rate,
            low=1e6 * pair.measured_low_s,
            middle=1e6 * pair.measured_s,
            high=1e6 * pair.measured_high_s,
        )
        for rate, pair in zip(rates.tolist(), pairs, strict=True)
        if pair is not None
        and pair.measured_s is not None
        and pair.measured_low_s is not None
        and pair.measured_high_s is not None
    ]
    return Chart(
        key=key,
        title=name,
        lead="",
        alternative=_in_words(found, name),
        x=Axis(title="rate (operations per second)", scale=across, ticks=ticks(across)),
        y=Axis(title="median (µs)", scale=scale, ticks=ticks(scale)),
        at=rates,
        at_texts=tuple(f"{rate.rate_per_s:,.0f}/s ({rate.share:.0%})" for rate in found.rates),
        at_name="rate",
        series=(
            _series("measured", look, measured, "line"),
            _series("predicted", look, predicted, "thin"),
        ),
        whiskers=tuple(whiskers),
        height=150,
    )


def _series(name: str, look: str, values: NDArray[np.float64], weight: Weight) -> Series:
    texts = tuple(NOTHING if np.isnan(value) else f"{value:,.1f}" for value in values.tolist())
    return Series(name=name, look=look, values=values, texts=texts, unit="µs", weight=weight)


def _values(durations_s: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value * 1e6 for value in durations_s])


def _in_words(found: Calibration, name: str) -> str:
    return "; ".join(
        f"{name} at {rate.share:.0%}: predicted {microseconds(pair.predicted_s)}, "
        f"measured {microseconds(pair.measured_s)} µs ({per_cent(pair.error)})"
        for rate, pair in zip(found.rates, _pairs(found, name), strict=True)
        if pair is not None
    )
