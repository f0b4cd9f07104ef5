"""SimPy and Ciw, simulators of other people, on the same systems as ours.

SimPy is given our very draws, as integers: every departure must be ours to the nanosecond. Ciw
draws for itself, so there means are compared, over replications: of two correct simulators with
probability 1 - LEVEL or less the difference is outside its interval, over seeds, which are fixed.
"""

from collections.abc import Generator
from functools import cache
from typing import Any, Literal

import ciw
import numpy as np
import pytest
import simpy

from cqrs_sim import simulation
from cqrs_sim.analysis.erlang_queueing import MM1K
from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.analysis.queueing import Tandem
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome

ENGINES: tuple[Literal["virtual", "algebra"], ...] = ("virtual", "algebra")
LEVEL = 0.999
RATE, WRITE_S, READ_S = 200.0, 0.0025, 0.003
MAILBOX = 2
REPLICATIONS = 10
SECONDS = 20.0
CUT_S = 2.0

TANDEM = (
    f"run.duration={SECONDS:g}s",
    "run.warm_up=0s",
    "run.drain=60s",
    f"load.rate={RATE:g}/s",
    "workload.kind=amendments",
    "workload.orders=1",
    "workload.invalid_share=0",
    "queries.share=0",
    "write_side.mailbox=100000",
    f'write_side.service={{distribution = "exponential", mean = "{WRITE_S * 1e6:g}us"}}',
    f'read_models.orders.service={{distribution = "exponential", mean = "{READ_S * 1e6:g}us"}}',
)
FINITE = (
    "load.rate=500/s",
    "write_side.policy=reject",
    f"write_side.mailbox={MAILBOX}",
)


@cache
def trace_of(engine: Literal["virtual", "algebra"], seed: int, *settings: str) -> Trace:
    scenario = simulation.load_scenario("default", [*TANDEM, *settings])
    return simulation.run(scenario, engine=engine, seed=seed).trace


def nanos(column: Any) -> list[int]:
    return [int(instant) for instant in column.astype(np.int64)]


# SimPy, with our draws.


class Station:
    """One server of SimPy: what came, and when it left; who finds it full is not let in."""

    def __init__(self, env: simpy.Environment, room: int | None = None) -> None:
        self.env = env
        self.server = simpy.Resource(env)
        self.room = room
        self.left: dict[int, int] = {}

    def serve(self, number: int, service_ns: int) -> Generator[simpy.Event, Any, bool]:
        if self.room is not None and len(self.server.queue) >= self.room:
            return False
        with self.server.request() as turn:
            yield turn
            yield self.env.timeout(service_ns)
        self.left[number] = int(self.env.now)
        return True


def simpy_departures(
    arrivals: list[int], writes: list[int], reads: list[int], room: int | None = None
) -> tuple[dict[int, int], dict[int, int]]:
    """When each command left the write server, and its event the read server, by SimPy."""
    env = simpy.Environment()
    write, read = Station(env, room), Station(env)
    read_services = iter(reads)

    def life(number: int) -> Generator[simpy.Event, Any, None]:
        is_in = yield from write.serve(number, writes[number])
        if is_in:
            yield from read.serve(number, next(read_services))

    def load() -> Generator[simpy.Event, Any, None]:
        for number, at in enumerate(arrivals):
            yield env.timeout(at - int(env.now))
            env.process(life(number))

    env.process(load())
    env.run()
    return write.left, read.left


def ours(trace: Trace) -> tuple[list[int], list[int], list[int]]:
    """Arrivals, services of the writes, and services of the reads, as they were drawn."""
    commands, deliveries = trace.commands, trace.deliveries_of("orders")
    served = np.where(
        np.isnat(commands.dequeued), np.timedelta64(0), commands.acknowledged - commands.dequeued
    )
    return nanos(commands.submitted), nanos(served), nanos(deliveries.applied - deliveries.taken)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_simpy_lets_everything_out_of_a_tandem_at_the_same_nanosecond(
    engine: Literal["virtual", "algebra"], seed: int
) -> None:
    trace = trace_of(engine, seed)
    written, shown = simpy_departures(*ours(trace))
    assert len(trace.commands) > 3000
    assert list(written.values()) == nanos(trace.commands.committed)
    assert list(shown.values()) == nanos(trace.deliveries_of("orders").applied)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_simpy_refuses_the_same_commands_at_a_full_mailbox(
    engine: Literal["virtual", "algebra"], seed: int
) -> None:
    trace = trace_of(engine, seed, *FINITE)
    written, shown = simpy_departures(*ours(trace), room=MAILBOX)
    is_in = trace.commands.outcome == Outcome.ACCEPTED
    assert np.count_nonzero(~is_in) > 1000
    assert list(written) == np.flatnonzero(is_in).tolist()
    assert list(written.values()) == nanos(trace.commands.committed[is_in])
    assert list(shown.values()) == nanos(trace.deliveries_of("orders").applied)


def test_simpy_would_notice_a_service_that_took_a_nanosecond_longer() -> None:
    trace = trace_of("algebra", 0)
    arrivals, writes, reads = ours(trace)
    writes[100] += 1
    written, _ = simpy_departures(arrivals, writes, reads)
    assert list(written.values()) != nanos(trace.commands.committed)


# Ciw, with draws of its own.


def ciw_records(seed: int, rate: float, room: float, *, stations: int) -> Any:
    """What Ciw noted of each customer at each station; the second one has room for all."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate), None][:stations],
        service_distributions=[
            ciw.dists.Exponential(1.0 / WRITE_S),
            ciw.dists.Exponential(1.0 / READ_S),
        ][:stations],
        routing=[[0.0, 1.0], [0.0, 0.0]] if stations == 2 else [[0.0]],
        number_of_servers=[1] * stations,
        queue_capacities=[room, float("inf")][:stations],
    )
    ciw.seed(seed)
    run = ciw.Simulation(network)
    run.simulate_until_max_time(SECONDS)
    return [one for one in run.get_all_records() if one.arrival_date >= CUT_S]


def mean_times_s(records: Any, node: int) -> float:
    times = [
        one.exit_date - one.arrival_date
        for one in records
        if one.node == node and one.record_type == "service"
    ]
    return float(np.mean(times))


def assert_equal_means(theirs: list[float], mine: list[float], truth: float) -> None:
    """Ours and theirs agree, and each with theory."""
    difference = t_interval([one - other for one, other in zip(theirs, mine, strict=True)], LEVEL)
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low <= 0.0 <= difference.high, difference
    for values in (theirs, mine):
        interval = t_interval(values, LEVEL)
        assert interval.low is not None
        assert interval.high is not None
        assert interval.half_width is not None
        assert interval.half_width < 0.2 * truth, "too wide to mean anything"
        assert interval.low <= truth <= interval.high, (truth, interval)


def mean_ns(durations: Any, since: Any) -> float:
    rows = since >= np.timedelta64(round(CUT_S * 1e9), "ns")
    return float(durations[rows].astype(np.int64).mean()) / 1e9


@pytest.mark.parametrize("engine", ENGINES)
def test_ciw_gives_a_tandem_the_same_mean_response_and_lag(
    engine: Literal["virtual", "algebra"],
) -> None:
    tandem = Tandem(rate_per_s=RATE, write_service_s=WRITE_S, read_service_s=READ_S)
    records = [ciw_tandem(seed) for seed in range(REPLICATIONS)]
    traces = [trace_of(engine, seed) for seed in range(REPLICATIONS)]
    assert_equal_means(
        [response for response, _ in records],
        [
            mean_ns(
                trace.commands.acknowledged - trace.commands.submitted, trace.commands.submitted
            )
            for trace in traces
        ],
        tandem.write.mean_time_s,
    )
    assert_equal_means(
        [lag for _, lag in records],
        [
            mean_ns(
                trace.deliveries_of("orders").applied - trace.events.committed,
                trace.events.committed,
            )
            for trace in traces
        ],
        tandem.mean_lag_s,
    )


@cache
def ciw_tandem(seed: int) -> tuple[float, float]:
    records = ciw_records(seed, RATE, float("inf"), stations=2)
    return mean_times_s(records, 1), mean_times_s(records, 2)


@cache
def ciw_refusing(seed: int) -> tuple[float, float]:
    """Mean time of those let in, and the share of those that were not."""
    records = ciw_records(seed, 500.0, MAILBOX, stations=1)
    refused = sum(one.record_type == "rejection" for one in records)
    return mean_times_s(records, 1), refused / len(records)


@pytest.mark.parametrize("engine", ENGINES)
def test_ciw_gives_a_full_mailbox_the_same_refusals_and_mean_response(
    engine: Literal["virtual", "algebra"],
) -> None:
    queue = MM1K(rate_per_s=500.0, service_s=WRITE_S, capacity=MAILBOX + 1)
    theirs = [ciw_refusing(seed) for seed in range(REPLICATIONS)]
    mine = []
    for seed in range(REPLICATIONS):
        commands = trace_of(engine, seed, *FINITE).commands
        is_in = commands.outcome == Outcome.ACCEPTED
        late = commands.submitted >= np.timedelta64(round(CUT_S * 1e9), "ns")
        mine.append(
            (
                mean_ns(
                    (commands.acknowledged - commands.submitted)[is_in], commands.submitted[is_in]
                ),
                float((~is_in[late]).mean()),
            )
        )
    assert_equal_means([one[0] for one in theirs], [one[0] for one in mine], queue.mean_time_s)
    assert_equal_means([one[1] for one in theirs], [one[1] for one in mine], queue.refused_share)
