import math
from collections.abc import Sequence

from fakes import MS, SECOND, constant, exponential, scenario

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.engines import virtual
from cqrs_sim.engines.experiment import Experiment, Progress
from cqrs_sim.engines.live import SAMPLE, Tail
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import NullProbe
from cqrs_sim.scenario.scenario import Load, ReadModel, Run, Scenario, Workload, WriteSide
from cqrs_sim.scenario.units import Count, Duration, Rate


def two_models(rate: float = 300.0) -> Scenario:
    return scenario(
        run=Run(duration=Duration(2 * SECOND)),
        load=Load(rate=Rate(rate)),
        workload=Workload(orders=Count(20)),
        write_side=WriteSide(service=exponential(MS)),
        read_models={
            "orders": ReadModel(service=constant(MS)),
            "search": ReadModel(service=exponential(2 * MS)),
        },
    )


def watched(described: Scenario) -> tuple[Trace, list[tuple[Progress, Tail]]]:
    """A run, looked at whenever progress is told."""
    looks: list[tuple[Progress, Tail]] = []
    result = virtual.run(described, seed=1, progress=lambda p: looks.append((p, p.look())))
    return result.trace, looks


def p99(values: Sequence[int]) -> int | None:
    return sorted(values)[math.ceil(0.99 * len(values)) - 1] if values else None


def test_each_look_tells_of_what_happened_since_the_last_one() -> None:
    trace, looks = watched(two_models())
    commands, events = trace.commands, trace.events
    committed = events.committed.astype(int)
    response = (commands.acknowledged - commands.intended).astype(int)[events.command]
    last = 0
    for progress, tail in looks:
        now = progress.elapsed_ns
        # What happens at the instant of a look happened before it: housekeeping is last.
        since = (committed > last) & (committed <= now)
        assert tail.response_p99_ns == p99(response[since].tolist())
        lags = []
        for name in trace.read_models:
            applied = trace.deliveries_of(name).applied.astype(int)
            lags.append(p99((applied - committed)[(applied > last) & (applied <= now)].tolist()))
        assert tail.lag_p99_ns == max((lag for lag in lags if lag is not None), default=None)
        last = now
    assert any(tail.lag_p99_ns is not None for _, tail in looks)


def test_a_look_reads_a_sample_where_much_happened() -> None:
    """The first of many looks to be made: what it says lies between the shortest and longest."""
    seen: list[Tail] = []

    def once(progress: Progress) -> None:
        if progress.elapsed_ns > SECOND and not seen:
            seen.append(progress.look())

    trace = virtual.run(two_models(rate=1500.0), seed=1, progress=once).trace
    lag = (trace.deliveries_of("search").applied - trace.events.committed).astype(int)
    assert len(trace.events) > 2 * SAMPLE
    (tail,) = seen
    assert tail.lag_p99_ns is not None
    assert int(lag.min()) < tail.lag_p99_ns <= int(lag.max())


def test_commands_that_were_offered_are_counted_by_their_intended_instant() -> None:
    trace, looks = watched(two_models())
    intended = trace.commands.intended.astype(int)
    assert [progress.offered_count for progress, _ in looks] == [
        int((intended <= progress.elapsed_ns).sum()) for progress, _ in looks
    ]


def test_looking_changes_nothing() -> None:
    trace, _ = watched(two_models())
    unwatched = virtual.run(two_models(), seed=1).trace
    assert trace.deliveries.applied.tolist() == unwatched.deliveries.applied.tolist()


def test_a_run_that_is_not_recorded_shows_how_far_it_is_and_nothing_else() -> None:
    experiment = Experiment(two_models(), 1, VirtualClock(), probe=NullProbe())
    seen: list[tuple[Progress, Tail]] = []
    virtual.run_experiment(experiment, lambda p: seen.append((p, p.look())))
    assert {tail for _, tail in seen} == {Tail(None, None)}
    assert seen[-1][0].committed_count == experiment.system.log.head > 400
