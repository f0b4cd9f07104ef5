"""HdrHistogram's text format: the same histogram as recording every value, nothing dropped."""

import re
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
from traces import Plan, make_trace

from cqrs_sim.histograms import lowest_equivalent, write_hgrm, write_histograms

NaT = np.timedelta64("NaT", "ns")


def test_the_least_equivalent_value_is_the_packages_own() -> None:
    histogram = HdrHistogram(1, 3_600_000_000_000, 3)
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [
            np.arange(5000),
            (10 ** rng.uniform(0, 12, 5000)).astype(np.int64),
            2 ** np.arange(41),
            2 ** np.arange(1, 41) - 1,
        ]
    )
    expected = [histogram.get_lowest_equivalent_value(int(value)) for value in values]
    assert lowest_equivalent(values).tolist() == expected


def test_the_file_is_that_of_recording_every_value(tmp_path: Path) -> None:
    times = np.random.default_rng(2).exponential(2e6, 3000).astype(np.int64)
    histogram = HdrHistogram(1, int(times.max()), 3)
    for value in times.tolist():
        histogram.record_value(value)
    with (tmp_path / "each.hgrm").open("wb") as file:
        histogram.output_percentile_distribution(file, 1e6)
    begun = np.zeros(len(times), "m8[ns]")
    write_hgrm(tmp_path / "ours.hgrm", begun, times.astype("m8[ns]"), 10**10)

    def table(name: str) -> list[str]:
        lines = (tmp_path / name).read_text().splitlines()
        return [line for line in lines if not line.startswith("#[")]

    assert table("ours.hgrm") == table("each.hgrm")
    text = (tmp_path / "ours.hgrm").read_text()
    found = re.search(r"StdDeviation   = +([0-9.]+)\]", text)
    assert found is not None
    assert float(found[1]) == pytest.approx(times.std() / 1e6, rel=0.01)


def test_what_was_cut_off_is_entered_with_its_age_and_counted(tmp_path: Path) -> None:
    begun = np.array([0, 1_000_000], "m8[ns]")
    done = np.array([np.timedelta64(2_000_000, "ns"), NaT])
    write_hgrm(tmp_path / "x.hgrm", begun, done, 9_000_000)
    text = (tmp_path / "x.hgrm").read_text()
    assert "#[Censored = 1, entered with their age" in text
    assert "Max     =        8.0" in text


def test_an_empty_sample_is_a_file_too(tmp_path: Path) -> None:
    empty = np.array([], "m8[ns]")
    write_hgrm(tmp_path / "x.hgrm", empty, empty, 0)
    assert "TotalCount     =        0.000" in (tmp_path / "x.hgrm").read_text()


def test_a_run_has_one_file_for_the_response_and_one_a_read_model(tmp_path: Path) -> None:
    trace = make_trace(Plan(seconds=1.0))
    written = write_histograms(tmp_path, trace, after_ns=500_000_000)
    assert [path.name for path in written] == [
        "response.hgrm", "lag_orders.hgrm", "lag_search.hgrm",
    ]  # fmt: skip
    kept = int(np.count_nonzero(trace.commands.intended >= np.timedelta64(500_000_000, "ns")))
    assert f"TotalCount     = {kept:12.3f}" in written[0].read_text()
