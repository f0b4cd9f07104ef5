import math
from collections import Counter
from itertools import islice
from typing import Any

import numpy as np
import pytest

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import COMMAND_TYPES, Command, CreateOrder
from cqrs_sim.domain.queries import (
    QUERY_TYPES,
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    Page,
)
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.load_generation.plan import Plan, closed_scripts, draw_open_plan
from cqrs_sim.load_generation.popularity import Popularity
from cqrs_sim.load_generation.reads import END_OF_TIME_NS, RECENT_NS, Reads
from cqrs_sim.load_generation.workload import Workload, WorkloadKind, scripts

MILLISECOND = 1_000_000
READS = Reads(share=0.4, sessions=5, by_id=6, by_customer=2, by_status=1, statistics=1)


def workload(kind: WorkloadKind = "lifecycle", *, invalid: float = 0.1) -> Workload:
    return Workload(
        popularity=Popularity(choices=20, kind="zipf", zipf_exponent=0.8),
        kind=kind,
        cancel_share=0.2,
        invalid_share=invalid,
    )


def plan(
    count: int = 5000, *, load: Workload | None = None, reads: Reads = READS, seed: int = 1
) -> Plan:
    intended_ns = np.arange(count) * 10 * MILLISECOND
    return draw_open_plan(load or workload(), reads, intended_ns, Streams(seed))


def test_every_arrival_becomes_one_command_or_one_query() -> None:
    drawn = plan()
    assert len(drawn.commands) == len(drawn.commands_intended_ns) == len(drawn.commands_session)
    assert len(drawn.queries) == len(drawn.queries_intended_ns) == len(drawn.queries_session)
    both = np.concatenate((drawn.commands_intended_ns, drawn.queries_intended_ns))
    assert np.sort(both).tolist() == (np.arange(5000) * 10 * MILLISECOND).tolist()
    assert (np.diff(drawn.commands_intended_ns) > 0).all()
    assert (np.diff(drawn.queries_intended_ns) > 0).all()
    assert drawn.commands_intended_ns.dtype == drawn.queries_intended_ns.dtype == np.int64
    assert drawn.commands_session.dtype == drawn.queries_session.dtype == np.int32


@pytest.mark.parametrize("kind", ["lifecycle", "amendments"])
def test_more_arrivals_only_append_to_a_plan(kind: WorkloadKind) -> None:
    longer, shorter = plan(5000, load=workload(kind)), plan(3000, load=workload(kind))
    commands, queries = len(shorter.commands), len(shorter.queries)
    assert shorter.setup == longer.setup
    assert list(shorter.commands) == list(longer.commands)[:commands]
    assert shorter.commands_session.tolist() == longer.commands_session[:commands].tolist()
    assert list(shorter.queries) == list(longer.queries)[:queries]
    assert shorter.queries_session.tolist() == longer.queries_session[:queries].tolist()


def test_the_share_of_queries_does_not_change_the_commands() -> None:
    without = plan(3000, reads=Reads())
    with_queries = plan(3000).commands
    assert list(with_queries) == list(without.commands[: len(with_queries)])
    assert list(without.queries) == []


def test_another_seed_gives_another_plan() -> None:
    assert list(plan(seed=1).commands) != list(plan(seed=2).commands)


def test_operations_sessions_and_kinds_of_query_have_their_shares() -> None:
    count = 40_000
    drawn = plan(count)
    kinds = Counter(type(query) for query in drawn.queries)
    sessions = Counter(np.concatenate((drawn.commands_session, drawn.queries_session)).tolist())
    expected: list[tuple[int, float]] = [(len(drawn.queries), 0.4)]
    expected += [(sessions[number], 1 / 5) for number in range(5)]
    weights = (0.6, 0.2, 0.1, 0.1)
    expected += [(kinds[kind], 0.4 * w) for kind, w in zip(QUERY_TYPES, weights, strict=True)]
    # Binomial, 5 standard deviations: error probability 6e-7 for each of the ten.
    for found, p in expected:
        assert abs(found - count * p) < 5 * math.sqrt(count * p * (1 - p))
    assert sum(sessions.values()) == count


@pytest.mark.parametrize("kind", ["lifecycle", "amendments"])
def test_a_session_asks_for_the_order_that_it_wrote_last(kind: WorkloadKind) -> None:
    drawn = plan(3000, load=workload(kind, invalid=0.0))
    writes = list(
        zip(drawn.commands_intended_ns.tolist(), drawn.commands_session.tolist(),
            drawn.commands, strict=True)
    )  # fmt: skip
    asked = 0
    for when, who, query in zip(
        drawn.queries_intended_ns.tolist(), drawn.queries_session.tolist(), drawn.queries,
        strict=True,
    ):  # fmt: skip
        own = [
            command.order_id for then, session, command in writes if then < when and session == who
        ]
        if isinstance(query, GetOrderById) and own:
            assert query.order_id == own[-1]
            asked += 1
    assert asked > 500


def test_an_order_that_no_valid_command_wrote_is_nobodys_own() -> None:
    drawn = plan(3000, load=workload(invalid=0.5), reads=Reads(share=0.5, sessions=3))
    asked = {query.order_id for query in drawn.queries if isinstance(query, GetOrderById)}
    created = {c.order_id for c in drawn.commands if isinstance(c, CreateOrder)}
    assert asked <= created | {"order-0000000"}


def test_a_session_that_wrote_nothing_asks_for_an_order_written_so_far() -> None:
    drawn = plan(2000, reads=Reads(share=0.5, sessions=1_000_000))
    created = {
        command.order_id: when
        for command, when in zip(drawn.commands, drawn.commands_intended_ns.tolist(), strict=True)
        if isinstance(command, CreateOrder)
    }
    asked = zip(drawn.queries, drawn.queries_intended_ns.tolist(), strict=True)
    orders = [
        query.order_id
        for query, when in asked
        if isinstance(query, GetOrderById) and when > min(created.values())
        and created[query.order_id] < when
    ]  # fmt: skip
    first = min(created.values())
    assert len(orders) == int((drawn.queries_intended_ns > first).sum())
    assert len(set(orders)) > 50


def test_before_anything_is_written_the_first_order_is_asked_for() -> None:
    drawn = plan(20, reads=Reads(share=1.0))
    assert list(drawn.commands) == []
    assert set(drawn.queries) == {GetOrderById("order-0000000")}  # type: ignore[arg-type] # a literal id


def test_queries_ask_for_customers_statuses_and_both_periods() -> None:
    drawn = plan(40_000)
    customers = {q.customer_id for q in drawn.queries if isinstance(q, GetOrdersByCustomer)}
    assert customers == {f"customer-{number:05d}" for number in range(100)}
    assert len({q.status for q in drawn.queries if isinstance(q, GetOrdersByStatus)}) == 5
    whole = recent = 0
    for query, when in zip(drawn.queries, drawn.queries_intended_ns.tolist(), strict=True):
        if not isinstance(query, GetOrderStatistics):
            continue
        if query.to_ns == END_OF_TIME_NS:
            assert query.from_ns == 0
            whole += 1
        else:
            assert (query.from_ns, query.to_ns) == (max(0, when - RECENT_NS), when)
            recent += 1
    # Binomial with p = 1/2, 5 standard deviations: error probability 6e-7.
    assert abs(whole - recent) < 5 * math.sqrt(whole + recent)


def test_every_list_is_asked_for_by_the_page_of_the_load() -> None:
    reads = Reads(share=1.0, by_id=0.0, by_customer=1.0, by_status=1.0, page=Page(limit=7))
    closed = islice(closed_scripts(workload(invalid=0.0), reads, Streams(1)), 100)
    scripted = [operation for script in closed for operation in script]
    assert len(scripted) > 100
    for query in (*plan(200, reads=reads).queries, *scripted):
        assert isinstance(query, GetOrdersByCustomer | GetOrdersByStatus)
        assert query.page == Page(limit=7)


def test_no_arrivals_make_an_empty_plan() -> None:
    empty = plan(0)
    assert (list(empty.commands), list(empty.queries)) == ([], [])


def commands_of(script: tuple[Any, ...]) -> list[Command]:
    return [operation for operation in script if isinstance(operation, COMMAND_TYPES)]


@pytest.mark.parametrize("kind", ["lifecycle", "amendments"])
def test_without_queries_and_mistakes_closed_scripts_are_the_workloads_scripts(
    kind: WorkloadKind,
) -> None:
    load = workload(kind, invalid=0.0)
    closed = list(islice(closed_scripts(load, Reads(), Streams(1)), 2000))
    assert closed == list(islice(scripts(load, Streams(1)), 2000))


def test_closed_scripts_hold_their_shares_of_queries_and_invalid_commands() -> None:
    load, reads = workload(invalid=0.25), Reads(share=0.4)
    closed = list(islice(closed_scripts(load, reads, Streams(1)), 10_000))
    valid = sum(len(script) for script in islice(scripts(load, Streams(1)), 10_000))
    commands = sum(len(commands_of(script)) for script in closed)
    operations = sum(len(script) for script in closed)
    # The number of trials until `valid` successes of probability p is negative binomial, with
    # standard deviation sqrt(valid (1 - p)) / p: 5 of them, error probability 6e-7.
    for trials, p in ((commands, 0.75), (operations, 0.75 * 0.6)):
        assert abs(trials - valid / p) < 5 * math.sqrt(valid * (1 - p)) / p


def test_a_closed_script_asks_for_its_own_order_once_it_wrote_it() -> None:
    asked = 0
    for script in islice(closed_scripts(workload(invalid=0.0), READS, Streams(1)), 1000):
        written = None
        for operation in script:
            if isinstance(operation, COMMAND_TYPES):
                written = operation.order_id
            elif isinstance(operation, GetOrderById) and written is not None:
                assert operation.order_id == written
                asked += 1
    assert asked > 500


@pytest.mark.parametrize(
    ("invalid", "reads"), [(1.0, Reads()), (0.0, Reads(share=1.0)), (1.0, Reads(share=0.5))]
)
def test_closed_scripts_end_even_where_nothing_valid_is_sent(invalid: float, reads: Reads) -> None:
    closed = list(islice(closed_scripts(workload(invalid=invalid), reads, Streams(1)), 100))
    assert all(3 <= len(script) <= 4 or len(script) == 2 for script in closed)
    assert not any(isinstance(operation, CreateOrder) for script in closed for operation in script)


@pytest.mark.parametrize(
    "fields",
    [
        {"share": 1.5},
        {"share": math.nan},
        {"sessions": 0},
        {"by_id": -1.0},
        {"by_status": math.inf},
        {"share": 0.5, "by_id": 0.0},
    ],
)
def test_impossible_reads_are_refused(fields: Any) -> None:
    with pytest.raises(InvalidScenarioError):
        Reads(**fields)
