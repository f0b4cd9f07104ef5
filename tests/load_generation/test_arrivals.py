import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.load_generation.arrivals import (
    ArrivalProcess,
    RateProfile,
    RateSegment,
    arrival_times_ns,
)

SECOND = 1_000_000_000


def generator(seed: int = 1) -> np.random.Generator:
    return Streams(seed).stream("load.arrivals")


def ramp(*rates: float, seconds: int = 10) -> RateProfile:
    """Segments of equal length through these rates."""
    parts = [RateSegment(seconds * SECOND, low, high) for low, high in pairwise(rates)]
    return RateProfile(tuple(parts))


BURST = RateProfile(
    (
        RateSegment(10 * SECOND, 300.0, 300.0),
        RateSegment(3 * SECOND, 2500.0, 2500.0),
        RateSegment(7 * SECOND, 300.0, 300.0),
    )
)


def test_constant_arrivals_come_after_each_whole_interval() -> None:
    times = arrival_times_ns("constant", RateProfile.constant(4.0), SECOND, generator())
    assert times.dtype == np.int64
    assert times.tolist() == [250_000_000, 500_000_000, 750_000_000]


def test_constant_arrivals_do_not_drift() -> None:
    times = arrival_times_ns("constant", RateProfile.constant(3.0), 3000 * SECOND, generator())
    assert times.tolist() == [round(k * SECOND / 3) for k in range(1, 9000)]


def test_constant_arrivals_on_a_ramp_come_where_the_cumulative_rate_is_whole() -> None:
    # From 0 to 2 per second in 10 s: L(t) = t^2 / 10.
    times = arrival_times_ns("constant", ramp(0.0, 2.0), 10 * SECOND, generator())
    assert times.tolist() == [round(math.sqrt(10 * k) * SECOND) for k in range(1, 10)]


def test_the_last_rate_holds_after_the_last_segment() -> None:
    times = arrival_times_ns("constant", ramp(1.0, 1.0), 100 * SECOND, generator())
    assert times.tolist() == [k * SECOND for k in range(1, 100)]


def test_a_profile_that_ends_at_rate_0_brings_no_more_arrivals() -> None:
    times = arrival_times_ns("constant", ramp(2.0, 0.0), 1000 * SECOND, generator())
    assert len(times) == 10
    assert times[-1] <= 10 * SECOND


def test_no_arrival_falls_in_a_pause() -> None:
    profile = ramp(5.0, 0.0, 0.0, 5.0)
    times = arrival_times_ns("poisson", profile, 30 * SECOND, generator())
    assert not ((times > 10 * SECOND) & (times < 20 * SECOND)).any()
    assert (times >= 20 * SECOND).any()


def test_a_rate_of_0_brings_nothing() -> None:
    assert arrival_times_ns("poisson", RateProfile.constant(0.0), SECOND, generator()).size == 0


def test_no_time_brings_nothing() -> None:
    assert arrival_times_ns("poisson", RateProfile.constant(9.0), 0, generator()).size == 0


@pytest.mark.parametrize("process", ["constant", "poisson"])
@pytest.mark.parametrize("profile", [RateProfile.constant(800.0), BURST, ramp(0.0, 1000.0, 0.0)])
def test_a_longer_duration_only_appends_arrivals(
    process: ArrivalProcess, profile: RateProfile
) -> None:
    longer = arrival_times_ns(process, profile, 20 * SECOND, generator())
    shorter = arrival_times_ns(process, profile, 12 * SECOND, generator())
    assert shorter.tolist() == longer[longer < 12 * SECOND].tolist()


@pytest.mark.parametrize("profile", [RateProfile.constant(2000.0), BURST, ramp(0.0, 3000.0, 0.0)])
def test_poisson_arrivals_have_the_counts_and_the_shape_of_their_rate(
    profile: RateProfile,
) -> None:
    times = arrival_times_ns("poisson", profile, 20 * SECOND, generator())
    expected = float(profile.cumulative(np.array([20 * SECOND]))[0])
    # The count is Poisson: 5 standard deviations, error probability 6e-7.
    assert abs(len(times) - expected) < 5 * math.sqrt(expected)
    # Given the count, L(t) / L(T) is uniform: Dvoretzky-Kiefer-Wolfowitz, error probability 1e-6.
    count = len(times)
    uniform = profile.cumulative(times) / expected
    distance = np.abs(uniform - (np.arange(count) + 0.5) / count).max() + 0.5 / count
    assert distance < math.sqrt(math.log(2 / 1e-6) / (2 * count))


def test_poisson_gaps_are_exponential() -> None:
    times = arrival_times_ns("poisson", RateProfile.constant(1000.0), 100 * SECOND, generator())
    gaps = np.sort(np.diff(times) / 1e6)
    count = len(gaps)
    distance = np.abs(1 - np.exp(-gaps) - (np.arange(count) + 0.5) / count).max()
    assert distance < math.sqrt(math.log(2 / 1e-6) / (2 * count))


rates = st.floats(0.0, 1e5)
segments = st.builds(RateSegment, st.integers(1_000_000, 60 * SECOND), rates, rates)


@given(st.lists(segments, min_size=1, max_size=5), st.lists(st.floats(1e-3, 1.0), min_size=1))
def test_the_inverse_undoes_the_cumulative_rate(
    parts: list[RateSegment], fractions: list[float]
) -> None:
    profile = RateProfile(tuple(parts))
    end_ns = sum(part.duration_ns for part in parts)
    total = float(profile.cumulative(np.array([end_ns]))[0])
    levels = np.sort(np.array(fractions)) * total
    levels = levels[levels > 1e-6]
    times = profile.inverse(levels)
    assert (np.diff(times) >= -1e-3).all()
    # Rounding a time to its nanosecond costs at most rate x 1 ns.
    error = np.abs(profile.cumulative(np.rint(times).astype(np.int64)) - levels)
    assert (error <= 1e-9 * total + 1e5 * 1e-9).all()


@given(st.lists(segments, min_size=1, max_size=4), st.sampled_from(["constant", "poisson"]))
def test_arrivals_are_in_order_and_within_the_duration(
    parts: list[RateSegment], process: ArrivalProcess
) -> None:
    times = arrival_times_ns(process, RateProfile(tuple(parts)), SECOND // 10, generator())
    assert (np.diff(times) >= 0).all()
    assert ((times >= 0) & (times < SECOND // 10)).all()


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (RateSegment(0, 1.0, 1.0),),
        (RateSegment(1, -1.0, 1.0),),
        (RateSegment(1, 1.0, math.nan),),
        (RateSegment(1, math.inf, 1.0),),
    ],
)
def test_an_impossible_profile_is_refused(parts: Any) -> None:
    with pytest.raises(InvalidScenarioError):
        RateProfile(parts)
