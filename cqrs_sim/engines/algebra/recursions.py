"""Max-plus recursions: when servers that take one customer after another are done with each.

The time at which a first-come-first-served server is done with its n-th customer obeys

    D(n) = max(A(n), D(n-1)) + S(n)

Where
    A(n)    arrival
    S(n)    service time
    D(n)    departure

With C(n) = S(1) + ... + S(n) it unrolls to D(n) = C(n) + max over k <= n of A(k) - C(k-1): a sum
and a running maximum, which are one array operation each.

Source: D. V. Lindley, "The theory of queues with a single server", Proc. Cambridge Phil. Soc. 48
(1952); F. Baccelli, G. Cohen, G. J. Olsder, J.-P. Quadrat, Synchronization and Linearity (1992),
section 1.2, for the algebra of max and plus.

All times are int64 nanoseconds, so the result is exact: sums of floats would differ from those of
the actors, who add one service at a time, in most rows.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Nanos: TypeAlias = NDArray[np.int64]
Spans: TypeAlias = Sequence[tuple[int, int]]
"""Half-open spans (begin, end), in order, that neither overlap nor touch."""

LARGEST = 2**63 - 1


def departures(arrival: Nanos, service: Nanos) -> Nanos:
    """When one server is done with each customer.

    Args:
        arrival: shape (n,), in the order in which they are served; need not rise.
        service: shape (n,).
    """
    work = np.cumsum(service)
    done = arrival - work
    done += service
    np.maximum.accumulate(done, out=done)
    done += work
    return done


def departures_of_many(
    arrival: Nanos, service: Nanos, first: NDArray[np.intp], *, largest: int = LARGEST
) -> Nanos:
    """When many servers are done with each of their customers.

    All of them are one server if each begins long after the one before it must have ended: every
    server's arrivals are lifted by more than any arrival and any server's work together. That is
    exact as long as servers x lift fits int64; beyond, as many servers are taken at once as do.

    Args:
        arrival: shape (n,), not negative, the customers of one server adjacent, in turn.
        service: shape (n,); all work together must fit int64, as must an arrival on top of it.
        first: shape (n_servers,), row of each server's first customer.
        largest: what must not be exceeded; smaller only to try it.
    """
    count = len(arrival)
    if len(first) <= 1:
        return departures(arrival, service)
    works = np.add.reduceat(service, first)
    lift = int(arrival.max()) + int(works.max()) + 1
    at_once = max(1, (largest - int(works.sum())) // lift)
    if at_once < len(first):
        cuts = [int(row) for row in first[::at_once]]
        return np.concatenate(
            [
                departures_of_many(
                    arrival[begin:end],
                    service[begin:end],
                    first[number * at_once : (number + 1) * at_once] - begin,
                    largest=largest,
                )
                for number, (begin, end) in enumerate(zip(cuts, [*cuts[1:], count], strict=True))
            ]
        )
    lifts = np.repeat(np.arange(len(first)) * lift, np.diff(first, append=count))
    done = departures(arrival + lifts, service)
    done -= lifts
    return done


def hold_back(
    arrival: Nanos, service: Nanos, pauses: Spans, done_of: Callable[[Nanos, Nanos], Nanos]
) -> Nanos:
    """Arrivals so late that nothing begins in a pause.

    What would begin in one begins at its end, and so does whatever is behind it: since the
    customers of a server begin in turn, the first to be held and all after it cannot begin before.

    Args:
        arrival: shape (n,).
        service: shape (n,).
        pauses: in which nothing begins.
        done_of: the recursion: departures by arrivals and services.

    Returns:
        Shape (n,): for the same recursion.
    """
    for begin, end in pauses:
        is_held = done_of(arrival, service) - service >= begin
        arrival = np.where(is_held, np.maximum(arrival, end), arrival)
    return arrival


def stable_order(codes: NDArray[np.integer]) -> NDArray[np.intp]:
    """The permutation that sorts codes from 0 and leaves equal ones in their order.

    NumPy sorts 16 bits by counting, five times as fast as it merges wider ones; two such passes,
    the low half first, sort 32 bits.
    """
    low = np.argsort((codes & 0xFFFF).astype(np.uint16), kind="stable")
    if not len(codes) or int(codes.max()) <= 0xFFFF:
        return low
    high = (codes >> 16).astype(np.uint16)
    return low[np.argsort(high[low], kind="stable")]


def firsts_of(sorted_codes: NDArray[np.integer]) -> NDArray[np.intp]:
    """Row of the first of each run of equal codes; they are not negative."""
    return np.flatnonzero(np.diff(sorted_codes, prepend=-1))


def ranks_in(first: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    """The place of each of `count` rows in its run, from 0."""
    return np.arange(count) - np.repeat(first, np.diff(first, append=count))
