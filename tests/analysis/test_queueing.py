"""Each closed form against a simulation of it, and against what others say of the same system.

The simulations are recursions on integer nanoseconds over draws of NumPy. A correct formula is
outside one such interval with probability 1 - LEVEL, over seeds; the seeds are fixed, 0 and on.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cqrs_sim.analysis.erlang_queueing import MM1K, MMc
from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.analysis.queueing import DM1, MG1, MM1, Tandem, md1
from cqrs_sim.analysis.time_quantiles import mixture_quantile_s
from cqrs_sim.engines.algebra.outcomes import Rules
from cqrs_sim.engines.algebra.recursions import departures
from cqrs_sim.engines.algebra.write_stage import Arrivals, Mailboxes, write
from cqrs_sim.probe import Outcome

LEVEL = 0.999
REPLICATIONS = 20
COUNT = 60_000
CUT = 5_000
"""Customers left out at the beginning: 40 relaxation times and more at the loads used here."""

Nanos = NDArray[np.int64]
RATE = 1000.0


def nanos(seconds: NDArray[np.float64]) -> Nanos:
    return np.rint(seconds * 1e9).astype(np.int64)


def poisson(rng: np.random.Generator) -> Nanos:
    return nanos(np.cumsum(rng.exponential(1.0 / RATE, COUNT)))


def exponential(rng: np.random.Generator, mean_s: float) -> Nanos:
    return nanos(rng.exponential(mean_s, COUNT))


def times_s(arrival: Nanos, service: Nanos) -> NDArray[np.float64]:
    return (departures(arrival, service) - arrival) / 1e9


def assert_inside(truth: float, sample: Callable[[np.random.Generator], float]) -> None:
    """The interval over replications holds the truth, and is narrow enough to say something."""
    assert_holds(truth, [sample(np.random.default_rng(seed)) for seed in range(REPLICATIONS)])


def assert_holds(truth: float, values: Sequence[float]) -> None:
    interval = t_interval(values, LEVEL)
    assert interval.half_width is not None
    assert interval.low is not None
    assert interval.high is not None
    assert interval.half_width < 0.1 * truth, "too wide to mean anything"
    assert interval.low <= truth <= interval.high, (truth, interval)


def quantile(sample: NDArray[np.float64], fraction: float) -> float:
    (found,) = quantiles(sample, [fraction])
    assert found is not None
    return found


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_mm1_agrees_with_simulation_in_mean_wait_and_quantiles(load: float) -> None:
    queue = MM1(rate_per_s=RATE, service_s=load / RATE)

    def times(rng: np.random.Generator) -> NDArray[np.float64]:
        return times_s(poisson(rng), exponential(rng, queue.service_s))[CUT:]

    def wait_p90(rng: np.random.Generator) -> float:
        arrival, service = poisson(rng), exponential(rng, queue.service_s)
        return quantile((departures(arrival, service) - arrival - service)[CUT:] / 1e9, 0.9)

    assert_inside(queue.mean_time_s, lambda rng: float(times(rng).mean()))
    assert_inside(queue.quantile_s(0.5), lambda rng: quantile(times(rng), 0.5))
    assert_inside(queue.quantile_s(0.99), lambda rng: quantile(times(rng), 0.99))
    assert_inside(queue.wait_quantile_s(0.9), wait_p90)


def test_md1_agrees_with_simulation() -> None:
    queue = md1(rate_per_s=RATE, service_s=0.7 / RATE)

    def mean(rng: np.random.Generator) -> float:
        return float(times_s(poisson(rng), np.full(COUNT, 700_000))[CUT:].mean())

    assert_inside(queue.mean_time_s, mean)


def test_mg1_agrees_with_simulation_for_a_service_more_and_one_less_variable() -> None:
    mean_s = 0.6 / RATE
    # Two exponentials, one of them long and rare: squared coefficient of variation 3.
    short_s, long_s = 0.5 * mean_s, 3.0 * mean_s
    variance = 2 * (0.8 * short_s**2 + 0.2 * long_s**2) - mean_s**2

    def two_kinds(rng: np.random.Generator) -> float:
        means = np.where(rng.random(COUNT) < 0.2, long_s, short_s)
        service = nanos(means * rng.exponential(1.0, COUNT))
        return float(times_s(poisson(rng), service)[CUT:].mean())

    def with_checkpoint(rng: np.random.Generator) -> float:
        service = exponential(rng, 0.4 * mean_s) + round(0.6 * mean_s * 1e9)
        return float(times_s(poisson(rng), service)[CUT:].mean())

    def of(variance_s2: float) -> float:
        queue = MG1(rate_per_s=RATE, service_s=mean_s, service_variance_s2=variance_s2)
        return queue.mean_time_s

    assert_inside(of(variance), two_kinds)
    assert_inside(of((0.4 * mean_s) ** 2), with_checkpoint)


def test_dm1_agrees_with_simulation() -> None:
    queue = DM1(rate_per_s=RATE, service_s=0.8 / RATE)
    arrival = np.arange(1, COUNT + 1, dtype=np.int64) * 1_000_000

    def times(rng: np.random.Generator) -> NDArray[np.float64]:
        return times_s(arrival, exponential(rng, queue.service_s))[CUT:]

    def waiting_share(rng: np.random.Generator) -> float:
        service = exponential(rng, queue.service_s)
        begun = departures(arrival, service) - service
        return float((begun > arrival)[CUT:].mean())

    assert_inside(queue.mean_time_s, lambda rng: float(times(rng).mean()))
    assert_inside(queue.quantile_s(0.99), lambda rng: quantile(times(rng), 0.99))
    assert_inside(queue.root, waiting_share)


def test_the_lag_of_a_tandem_agrees_with_simulation() -> None:
    tandem = Tandem(rate_per_s=RATE, write_service_s=0.7 / RATE, read_service_s=0.5 / RATE)

    def lags(rng: np.random.Generator) -> NDArray[np.float64]:
        committed = departures(poisson(rng), exponential(rng, tandem.write_service_s))
        return times_s(committed, exponential(rng, tandem.read_service_s))[CUT:]

    assert_inside(tandem.mean_lag_s, lambda rng: float(lags(rng).mean()))
    assert_inside(tandem.lag_quantile_s(0.99), lambda rng: quantile(lags(rng), 0.99))
    assert tandem.mean_time_s == tandem.write.mean_time_s + tandem.mean_lag_s


def refusing(rng: np.random.Generator, service_s: float, mailbox: int) -> Any:
    """One order with a mailbox that refuses, on the write stage of the algebra engine."""
    columns = np.zeros(COUNT, np.int32)
    rules = Rules(next_state=np.zeros((2, 1), np.int8), is_well_shaped=np.ones(1, np.bool_))
    arrivals = Arrivals(
        intended_ns=poisson(rng),
        service_ns=exponential(rng, service_s),
        order=columns,
        action=columns.astype(np.int8),
        is_set_up=np.ones(1, np.bool_),
    )
    return arrivals, write(arrivals, rules, Mailboxes(capacity=mailbox, pauses=()), 2**62)


@pytest.mark.parametrize(("load", "mailbox"), [(0.8, 2), (1.0, 3), (1.5, 4)])
def test_mm1k_agrees_with_simulation_below_and_above_its_capacity(
    load: float, mailbox: int
) -> None:
    queue = MM1K(rate_per_s=RATE, service_s=load / RATE, capacity=mailbox + 1)

    refused_shares, runs = [], []
    for seed in range(REPLICATIONS):
        arrivals, written = refusing(np.random.default_rng(seed), queue.service_s, mailbox)
        is_refused = written.outcome == Outcome.REFUSED
        refused_shares.append(float(is_refused[CUT:].mean()))
        times = (written.acknowledged - arrivals.intended_ns)[~is_refused][CUT:] / 1e9
        runs.append(times)
    assert_holds(queue.refused_share, refused_shares)
    assert_holds(queue.mean_time_s, [float(times.mean()) for times in runs])
    assert_holds(queue.quantile_s(0.9), [quantile(times, 0.9) for times in runs])


def test_mmc_agrees_with_simulation() -> None:
    queue = MMc(rate_per_s=RATE, service_s=2.4 / RATE, servers=3)

    def waits(rng: np.random.Generator) -> NDArray[np.float64]:
        free_at, waits = [0] * queue.servers, []
        rows = zip(poisson(rng).tolist(), exponential(rng, queue.service_s).tolist(), strict=True)
        for came, work in rows:
            number = free_at.index(min(free_at))
            begins = max(came, free_at[number])
            free_at[number] = begins + work
            waits.append(begins - came)
        return np.array(waits[CUT:]) / 1e9

    runs = [waits(np.random.default_rng(seed)) for seed in range(REPLICATIONS)]
    assert_holds(queue.mean_wait_s, [float(run.mean()) for run in runs])
    assert_holds(queue.waiting_share, [float((run > 0).mean()) for run in runs])
    assert_holds(queue.wait_quantile_s(0.9), [quantile(run, 0.9) for run in runs])


def test_a_quantile_over_many_servers_agrees_with_simulation() -> None:
    shares, means = np.array([0.1, 0.6, 0.3]), np.array([0.0, 0.001, 0.004])

    def p99(rng: np.random.Generator) -> float:
        kind = rng.choice(3, COUNT, p=shares)
        return quantile(means[kind] * rng.exponential(1.0, COUNT), 0.99)

    assert_inside(mixture_quantile_s(shares, means, 0.99), p99)
    assert mixture_quantile_s(shares, means, 0.09) == 0.0
    assert mixture_quantile_s(shares, np.array([0.0, math.inf, 1.0]), 0.5) == math.inf


# What theory says of itself.


@pytest.mark.parametrize("load", [0.05, 0.5, 0.95, 0.999])
def test_the_systems_agree_where_they_are_the_same_system(load: float) -> None:
    one = MM1(rate_per_s=RATE, service_s=load / RATE)
    as_general = MG1(rate_per_s=RATE, service_s=one.service_s, service_variance_s2=one.service_s**2)
    as_many = MMc(rate_per_s=RATE, service_s=one.service_s, servers=1)
    roomy = MM1K(rate_per_s=RATE, service_s=one.service_s, capacity=40_000)
    for other in (as_general, as_many, roomy):
        assert other.mean_time_s == pytest.approx(one.mean_time_s, rel=1e-9)
        assert other.mean_wait_s == pytest.approx(one.mean_wait_s, rel=1e-9)
        assert other.mean_in_system == pytest.approx(one.mean_in_system, rel=1e-9)
    assert as_many.waiting_share == pytest.approx(load)
    assert as_many.wait_quantile_s(0.999) == pytest.approx(one.wait_quantile_s(0.999))
    assert as_general.relaxation_s == pytest.approx(one.relaxation_s)


@pytest.mark.parametrize("load", [1e-3, 0.1, 0.5, 0.9, 0.999])
def test_the_root_of_dm1_solves_its_equation_and_is_below_1(load: float) -> None:
    root = DM1(rate_per_s=RATE, service_s=load / RATE).root
    assert 0.0 <= root < 1.0
    assert root == pytest.approx(math.exp(-(1.0 - root) / load), rel=1e-9)


def test_the_quantiles_of_mm1k_are_those_of_its_distribution() -> None:
    # Room for one: what is let in takes exactly its own service.
    alone = MM1K(rate_per_s=RATE, service_s=0.002, capacity=1)
    assert alone.quantile_s(0.99) == pytest.approx(-0.002 * math.log(0.01))
    assert alone.mean_time_s == pytest.approx(0.002)
    assert alone.refused_share == pytest.approx(2.0 / 3.0)
    # At a load of 1 every number is as likely as any other.
    assert MM1K(rate_per_s=RATE, service_s=1 / RATE, capacity=4).shares == pytest.approx([0.2] * 5)
    assert math.isfinite(MM1K(rate_per_s=1e6, service_s=1.0, capacity=1000).mean_time_s)


@pytest.mark.parametrize("service_s", [1.0 / RATE, 2.0 / RATE])
def test_a_queue_that_is_offered_too_much_has_no_mean(service_s: float) -> None:
    of = {"rate_per_s": RATE, "service_s": service_s}
    for queue in (MM1(**of), md1(**of), DM1(**of), MMc(**of, servers=1)):
        assert queue.mean_time_s == math.inf
        assert queue.mean_wait_s == math.inf
        assert queue.mean_in_system == math.inf
    assert MM1(**of).quantile_s(0.5) == DM1(**of).quantile_s(0.5) == math.inf
    assert MM1(**of).relaxation_s == md1(**of).relaxation_s == math.inf
    behind = Tandem(rate_per_s=RATE, write_service_s=service_s, read_service_s=0.1 / RATE)
    assert behind.mean_lag_s == behind.lag_quantile_s(0.5) == math.inf


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: MM1(rate_per_s=-1.0, service_s=1.0), "rate_per_s = -1.0"),
        (lambda: MM1(rate_per_s=1.0, service_s=0.0), "service_s = 0.0"),
        (lambda: DM1(rate_per_s=math.inf, service_s=1.0), "rate_per_s = inf"),
        (lambda: MG1(rate_per_s=1.0, service_s=1.0, service_variance_s2=math.nan), "variance"),
        (lambda: MM1K(rate_per_s=1.0, service_s=1.0, capacity=0), "capacity = 0"),
        (lambda: MMc(rate_per_s=1.0, service_s=1.0, servers=0), "servers = 0"),
        (lambda: MM1(rate_per_s=1.0, service_s=0.5).quantile_s(1.0), "fraction = 1.0"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(make: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_the_interval_would_show_a_formula_that_is_off() -> None:
    """Else all the comparisons above would show nothing."""
    wrong = MM1(rate_per_s=RATE, service_s=0.72 / RATE)
    with pytest.raises(AssertionError):
        assert_inside(
            wrong.mean_time_s,
            lambda rng: float(times_s(poisson(rng), exponential(rng, 0.7 / RATE))[CUT:].mean()),
        )
