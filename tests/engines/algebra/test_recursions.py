from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.engines.algebra.recursions import (
    departures,
    departures_of_many,
    firsts_of,
    hold_back,
    ranks_in,
    stable_order,
)

CUSTOMERS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 50), st.integers(0, 9)))
PAUSES = st.lists(st.integers(0, 80), max_size=6, unique=True).map(
    lambda ends: list(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
)


def one_by_one(
    arrival: list[int], service: list[int], pauses: list[tuple[int, int]] | None = None
) -> list[int]:
    done, now = [], 0
    for came, work in zip(arrival, service, strict=True):
        now = max(now, came)
        for begin, end in pauses or ():
            if begin <= now < end:
                now = end
        now += work
        done.append(now)
    return done


def columns(customers: list[tuple[int, int, int]]) -> tuple[Any, Any, Any]:
    rows = sorted(customers, key=lambda row: row[:2])
    server, arrival, service = np.array(rows, np.int64).reshape(-1, 3).T
    return server, arrival.copy(), service.copy()


def by_server(server: Any, arrival: Any, service: Any) -> list[int]:
    return [
        done
        for number in np.unique(server)
        for done in one_by_one(arrival[server == number].tolist(), service[server == number])
    ]


@given(CUSTOMERS)
def test_one_server_is_the_recursion_step_by_step(customers: list[tuple[int, int, int]]) -> None:
    _, arrival, service = columns([(0, came, work) for _, came, work in customers])
    assert departures(arrival, service).tolist() == one_by_one(arrival.tolist(), service.tolist())


@given(CUSTOMERS, st.integers(0, 1000))
def test_many_servers_at_once_are_each_a_server_alone(
    customers: list[tuple[int, int, int]], largest: int
) -> None:
    server, arrival, service = columns(customers)
    # With little room some servers must be taken after one another; the result is the same.
    done = departures_of_many(arrival, service, firsts_of(server), largest=largest)
    assert done.tolist() == by_server(server, arrival, service)


def test_servers_that_do_not_fit_together_are_taken_in_parts() -> None:
    # Lifted by 2^61 each, four of them would not fit int64.
    server = np.repeat(np.arange(9), 2)
    arrival, service = np.full(18, 2**60), np.full(18, 2**55)
    done = departures_of_many(arrival, service, firsts_of(server))
    assert done.tolist() == [2**60 + 2**55, 2**60 + 2**56] * 9


@given(CUSTOMERS, PAUSES)
def test_nothing_begins_in_a_pause(
    customers: list[tuple[int, int, int]], pauses: list[tuple[int, int]]
) -> None:
    _, arrival, service = columns([(0, came, work) for _, came, work in customers])
    held = hold_back(arrival, service, pauses, departures)
    done = departures(held, service)
    assert done.tolist() == one_by_one(arrival.tolist(), service.tolist(), pauses)


@given(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 3)))
def test_the_stable_order_sorts_and_keeps_ties(codes: list[int]) -> None:
    array = np.array(codes, np.int64)
    assert stable_order(array).tolist() == np.argsort(array, kind="stable").tolist()


def test_runs_have_firsts_and_ranks() -> None:
    first = firsts_of(np.array([0, 0, 3, 7, 7, 7]))
    assert first.tolist() == [0, 2, 3]
    assert ranks_in(first, 6).tolist() == [0, 1, 0, 0, 1, 2]
    assert firsts_of(np.empty(0, np.int64)).tolist() == []
