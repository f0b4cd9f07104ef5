"""The checkers of attempts: each holds on what runs give, and catches a planted fault."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import attrs
import numpy as np
import pytest
from fakes import MS, SECOND, exponential, scenario

from cqrs_sim.analysis.attempts import (
    check_attempts,
    check_ends,
    check_lost_updates,
    lost_updates,
    summarise_attempts,
)
from cqrs_sim.analysis.consistency import check_order_kept
from cqrs_sim.analysis.lag import served_response_s
from cqrs_sim.engines import virtual
from cqrs_sim.measurement.attempts import AttemptTable
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.measurement.trace_file import load_trace, save_trace
from cqrs_sim.probe import AttemptEnd, Outcome
from cqrs_sim.scenario.parts import CommandHandling
from cqrs_sim.scenario.scenario import Load, Retry, Run, Workload, WriteSide
from cqrs_sim.scenario.units import Count, Duration, Rate, Share


@cache
def ran(handling: CommandHandling = "optimistic", seed: int = 0) -> Trace:
    of = scenario(
        run=Run(duration=Duration(SECOND), drain=Duration(5 * SECOND)),
        load=Load(rate=Rate(600.0)),
        workload=Workload(kind="amendments", orders=Count(4), invalid_share=Share(0.1)),
        write_side=WriteSide(
            handling=handling,
            service=exponential(4 * MS),
            retry=Retry(attempts=Count(3)) if handling == "optimistic" else Retry(),
        ),
    )
    return virtual.run(of, seed=seed).trace


def planted(trace: Trace, column: str, row: int, value: object) -> Trace:
    """The same run with one attempt changed."""
    table = trace.attempts
    changed = getattr(table, column).copy()
    changed[row] = value
    return attrs.evolve(trace, attempts=attrs.evolve(table, **{column: changed}))


def first(trace: Trace, end: AttemptEnd) -> int:
    return int(np.flatnonzero(trace.attempts.end == end)[0])


def without(trace: Trace, row: int) -> Trace:
    rows = np.arange(len(trace.attempts)) != row
    return attrs.evolve(trace, attempts=select(trace.attempts, rows))


def test_with_an_actor_for_each_order_there_are_no_attempts_and_no_checks() -> None:
    trace = ran("mailbox")
    assert len(trace.attempts) == 0
    assert check_attempts(trace) == ()
    assert attrs.astuple(summarise_attempts(trace)) == (*[0] * 8, None, 0, None)


@pytest.mark.parametrize("seed", range(6))
def test_conflicts_and_commits_are_all_attempts_but_for_rejections(seed: int) -> None:
    trace = ran(seed=seed)
    assert all(check.ok for check in check_attempts(trace))
    found = summarise_attempts(trace)
    commands = trace.commands.outcome
    assert found.conflicts + found.committed + found.rejected == found.attempts
    assert found.committed == len(trace.events)
    assert found.given_up == np.count_nonzero(commands == Outcome.CONFLICT) > 0
    # Whoever was told of a conflict had three.
    assert found.retries == found.conflicts - found.given_up
    assert check_ends(trace).detail.startswith(f"{found.attempts:,} attempts = ")


def test_the_summary_is_of_what_was_intended_after_the_warm_up() -> None:
    trace = ran()
    half = summarise_attempts(trace, after_ns=SECOND // 2)
    rows = trace.commands.intended[trace.attempts.command] >= np.timedelta64(SECOND // 2, "ns")
    assert half.attempts == np.count_nonzero(rows)


def test_time_in_vain_is_that_of_conflicts() -> None:
    trace = ran()
    spent = (trace.attempts.ended - trace.attempts.begun).astype(np.int64)
    in_vain = spent[trace.attempts.end == AttemptEnd.CONFLICT].sum() / spent.sum()
    assert summarise_attempts(trace).wasted_share == pytest.approx(in_vain)


def test_who_was_given_up_waits_longer_than_all_who_were_served() -> None:
    trace = ran()
    given_up = trace.commands.outcome == Outcome.CONFLICT
    assert np.isnan(served_response_s(trace)[given_up]).all()
    assert not np.isnan(served_response_s(trace)[~given_up]).any()


Fault = Callable[[Trace], Trace]

FAULTS: dict[str, tuple[Fault, str]] = {
    "a commit that was tried again": (
        lambda t: planted(t, "end", first(t, AttemptEnd.CONFLICT), AttemptEnd.COMMITTED),
        "was no conflict, and its command was tried again",
    ),
    "an accepted command that only met conflicts": (
        lambda t: planted(t, "end", first(t, AttemptEnd.COMMITTED), AttemptEnd.CONFLICT),
        "does not have the outcome",
    ),
    "a rejection that committed": (
        lambda t: planted(t, "end", first(t, AttemptEnd.REJECTED), AttemptEnd.COMMITTED),
        "does not have the outcome",
    ),
    "an attempt that began before its command was taken": (
        lambda t: planted(t, "begun", first(t, AttemptEnd.COMMITTED), np.timedelta64(0, "ns")),
        "does not have the outcome, or the instants",
    ),
    "a last attempt that nobody noted": (
        lambda t: without(t, last_of_retried(t)),
        "does not have the outcome",
    ),
    "a conflict that nobody won": (
        lambda t: planted(t, "version", first(t, AttemptEnd.CONFLICT), 10_000),
        "was a conflict, and nobody else had written",
    ),
    "a command that was given up and never tried": (
        lambda t: attrs.evolve(
            t,
            attempts=select(t.attempts, t.commands.outcome[t.attempts.command] != Outcome.CONFLICT),
        ),
        "was given up, and never tried",
    ),
}


def last_of_retried(trace: Trace) -> int:
    command = trace.attempts.command[first(trace, AttemptEnd.CONFLICT)]
    return int(np.flatnonzero(trace.attempts.command == command)[-1])


@pytest.mark.parametrize(("fault", "told"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(fault: Fault, told: str) -> None:
    check = check_ends(fault(ran()))
    assert not check.ok
    assert told in check.detail
    assert check.witness


def test_a_commit_on_another_version_is_a_lost_update() -> None:
    trace = ran()
    assert check_lost_updates(trace).ok
    row = int(np.flatnonzero((trace.attempts.version > 1) & (trace.attempts.end == 1))[0])
    stale = planted(trace, "version", row, trace.attempts.version[row] - 1)
    check = check_lost_updates(stale)
    position = trace.commands.position[trace.attempts.command[row]]
    assert check.witness == (position,)
    assert f"decided on version {stale.attempts.version[row]}" in check.detail


@pytest.mark.parametrize("seed", range(4))
def test_updates_that_are_lost_are_those_of_who_began_before_the_last_write(seed: int) -> None:
    """By instants, where the checker goes by versions."""
    trace = ran("unchecked", seed)
    events, commands = trace.events, trace.commands
    late = []
    for row in range(len(events)):
        before = np.flatnonzero(events.order[:row] == events.order[row])
        if len(before):
            last = events.committed[before[-1]]
            if commands.dequeued[events.command[row]] < last:
                late.append(row)
    assert lost_updates(trace).tolist() == late
    assert len(late) > 50
    found = summarise_attempts(trace)
    assert found.lost_updates == len(late)
    assert found.first_lost is not None
    assert found.first_lost.position == events.position[late[0]]


def test_what_is_lost_is_counted_over_the_whole_run() -> None:
    trace = ran("unchecked")
    whole = summarise_attempts(trace).lost_updates
    assert summarise_attempts(trace, after_ns=SECOND // 2).lost_updates == whole


def test_no_order_is_promised_where_each_command_has_a_handler() -> None:
    check = check_order_kept(ran())
    assert check.ok
    assert check.detail.startswith("none is promised")


def test_attempts_survive_a_file_and_an_old_file_has_none(tmp_path: Path) -> None:
    trace = ran()
    path = tmp_path / "trace.npz"
    save_trace(trace, path)
    for field in attrs.fields(AttemptTable):
        found = getattr(load_trace(path).attempts, field.name)
        assert np.array_equal(found, getattr(trace.attempts, field.name))
    arrays = {n: a for n, a in trace.to_arrays().items() if not n.startswith("attempts.")}
    assert len(Trace.from_arrays(arrays).attempts) == 0
