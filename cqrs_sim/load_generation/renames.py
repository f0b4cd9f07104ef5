"""Renames: which customers get another name, and when, drawn before the run.

From random streams of their own, so that the commands and queries of a run are the same with and
without them.
"""

from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.customers.customer import RenameCustomer, first_name
from cqrs_sim.load_generation.arrivals import ArrivalProcess, RateProfile, arrival_times_ns
from cqrs_sim.load_generation.workload import customer_id


@attrs.frozen(kw_only=True, eq=False)
class RenamePlan:
    """Renames in the order of their times."""

    intended_ns: NDArray[np.int64]
    """Shape (n_renames,), int64 ns from the start of the run, non-decreasing."""
    customers: NDArray[np.int64]
    """Shape (n_renames,), number of the customer, from 0."""

    def commands(self) -> Iterator[RenameCustomer]:
        """Each with a name that the customer never had: how often it was renamed is part of it."""
        counts: dict[int, int] = {}
        for number in self.customers.tolist():
            counts[number] = version = counts.get(number, 0) + 1
            renamed = customer_id(number)
            yield RenameCustomer(renamed, f"{first_name(renamed)} ({version})")


def draw_renames(
    streams: Streams,
    *,
    process: ArrivalProcess,
    rate_per_s: float,
    customers: int,
    ends_ns: int,
) -> RenamePlan:
    """Renames from the start of a run until an instant.

    Args:
        streams: of the run.
        process: evenly spaced or Poisson.
        rate_per_s: of all renames together.
        customers: how many there are; each rename meets one of them, all as often.
        ends_ns: none is intended at or after it.
    """
    profile = RateProfile.constant(rate_per_s)
    arrivals = streams.stream("load.rename.arrivals")
    intended_ns = arrival_times_ns(process, profile, ends_ns, arrivals)
    numbers = streams.stream("load.rename.customer").integers(0, customers, len(intended_ns))
    return RenamePlan(intended_ns=intended_ns, customers=numbers)
