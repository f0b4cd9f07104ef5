"""Histograms for other people's tools: HdrHistogram's text format (`.hgrm`), in milliseconds.

Three significant digits, so a value is off by at most 0.1 %; the trace keeps the exact ones. Such a
file has no word for "not yet happened": what the run's end cut off is entered with its age then,
the least that it can be, and the last line says how many that are.

Source: G. Tene, HdrHistogram (https://github.com/HdrHistogram), and its plotter of `.hgrm` files.
"""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import commands_after, deliveries_by_event, events_after
from cqrs_sim.measurement.trace import Trace

SIGNIFICANT_FIGURES = 3
_LINEAR_BITS = 11
"""A histogram of 3 digits has 2 x 1024 linear steps; above them it halves its resolution again and
again."""
_NS_IN_MS = 1_000_000.0
_DEVIATION = re.compile(rb"(?<=StdDeviation   = )[ 0-9.]+(?=\])")


def write_histograms(folder: Path, trace: Trace, *, after_ns: int = 0) -> list[Path]:
    """Write the response time, and the lag of each read model, from the warm-up on.

    Args:
        folder: exists; files in it are overwritten.
        trace: the run.
        after_ns: the warm-up cut.
    """
    commands, events = commands_after(trace, after_ns), events_after(trace, after_ns)
    table = trace.commands
    written = [folder / "response.hgrm"]
    write_hgrm(written[0], table.intended[commands], table.acknowledged[commands], trace.ended_ns)
    for name in trace.read_models:
        written.append(folder / f"lag_{name}.hgrm")
        applied = deliveries_by_event(trace, name).applied
        write_hgrm(written[-1], trace.events.committed[events], applied[events], trace.ended_ns)
    return written


def write_hgrm(
    path: Path,
    begun: NDArray[np.timedelta64],
    done: NDArray[np.timedelta64],
    ended_ns: int,
) -> None:
    """Write the distribution of done - begun.

    Args:
        path: an existing file is overwritten.
        begun: shape (n,), timedelta64[ns]; never NaT.
        done: shape (n,), timedelta64[ns]; NaT if it never was.
        ended_ns: when the run ended.
    """
    # Imported here because a run that writes no result should not wait for it.
    from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped] # it has no types

    censored = np.isnat(done)
    ended = np.where(censored, np.timedelta64(ended_ns, "ns"), done)
    times_ns = np.maximum((ended - begun).astype(np.int64), 0)
    longest = int(times_ns.max(initial=1))
    histogram = HdrHistogram(1, max(longest, 2), SIGNIFICANT_FIGURES)
    values, counts = np.unique(lowest_equivalent(times_ns), return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        histogram.record_value(value, count)
    text = BytesIO()
    histogram.output_percentile_distribution(text, _NS_IN_MS)
    deviation_ms = f"{histogram.get_stddev() / _NS_IN_MS:12.{SIGNIFICANT_FIGURES}f}"
    with path.open("wb") as file:
        # The package writes this one number without its unit.
        file.write(_DEVIATION.sub(deviation_ms.encode(), text.getvalue()))
        note = "entered with their age at the end of the run, the least that they can be"
        file.write(f"#[Censored = {np.count_nonzero(censored)}, {note}]\n".encode())


def lowest_equivalent(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The least value that a histogram of 3 digits cannot tell from each of these.

    Recording a few thousand such values with their counts takes the place of recording a million
    single ones, and gives the same histogram.

    Args:
        values: shape (n,), not negative.
    """
    # The exponent of frexp is the length in bits; values are far below 2**53, so it is exact.
    _, bits = np.frexp(values.astype(np.float64))
    shift = np.maximum(bits.astype(np.int64) - _LINEAR_BITS, 0)
    return (values >> shift) << shift
