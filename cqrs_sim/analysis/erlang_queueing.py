"""Closed forms of Erlang's systems: one server with little room, and several servers.

Symbols, units and what a load of 1 means are those of `queueing`.
"""

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.time_quantiles import (
    at_least_one,
    check_fraction,
    not_negative,
    positive,
    where_it_falls_to,
)


@attrs.frozen(kw_only=True)
class MM1K:
    """Poisson arrivals, exponential service, one server, room for K; who finds none goes away.

    p_n = rho^n / (1 + rho + ... + rho^K), n = 0..K: the share of time with n in the system, and of
    arrivals that find n. At any load there is a steady state.

    Source: Gross and others (2008), section 2.5.

    Raises:
        ValueError: if an argument is not finite or out of its range.
    """

    rate_per_s: float = attrs.field(validator=positive)
    service_s: float = attrs.field(validator=positive)
    capacity: int = attrs.field(validator=at_least_one)
    """K: those waiting and the one in service. A mailbox that holds m waits beside it: m + 1."""

    @property
    def load(self) -> float:
        """Work offered a second, in servers; it may be 1 or more."""
        return self.rate_per_s * self.service_s

    @property
    def shares(self) -> NDArray[np.float64]:
        """p_0 to p_K: shape (K + 1,)."""
        # The largest power is 1, whatever the load, so nothing overflows.
        powers = np.arange(self.capacity + 1) - (self.capacity if self.load > 1.0 else 0)
        weights = self.load ** powers.astype(np.float64)
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    @property
    def refused_share(self) -> float:
        """p_K: the share of arrivals that find no room."""
        return float(self.shares[-1])

    @property
    def accepted_per_s(self) -> float:
        """Arrivals a second that find room."""
        return self.rate_per_s * (1.0 - self.refused_share)

    @property
    def mean_in_system(self) -> float:
        """L."""
        return float(np.arange(self.capacity + 1) @ self.shares)

    @property
    def mean_time_s(self) -> float:
        """W, of those that find room: L / accepted."""
        return self.mean_in_system / self.accepted_per_s

    @property
    def mean_wait_s(self) -> float:
        """W_q, of those that find room."""
        return self.mean_time_s - self.service_s

    def quantile_s(self, fraction: float) -> float:
        """The time in the system that a share of those who find room does not exceed.

        Who finds n before it stays for n + 1 exponential services, a time of Erlang's distribution.

        Raises:
            ValueError: if the fraction is not in [0, 1).
        """
        from scipy.special import gammaincc

        check_fraction(fraction)
        found = self.shares[:-1] / (1.0 - self.refused_share)
        stages = np.arange(1.0, self.capacity + 1.0)

        def longer(time_s: float) -> float:
            return float(found @ gammaincc(stages, time_s / self.service_s))

        return where_it_falls_to(longer, 1.0 - fraction, self.mean_time_s)


@attrs.frozen(kw_only=True)
class MMc:
    """Poisson arrivals, exponential service, c servers with one queue.

    C = B / (1 - (rho)(1 - B)), B(0) = 1, B(n) = a B(n - 1) / (n + a B(n - 1)), B = B(c)

    Where a = lambda s is the offered work, rho = a / c, B Erlang's loss formula and C his delay
    formula: the share of customers that wait. W_q = C / (c mu - lambda).

    Source: Cooper (1981), chapter 3.

    Raises:
        ValueError: if an argument is not finite or out of its range.
    """

    rate_per_s: float = attrs.field(validator=not_negative)
    service_s: float = attrs.field(validator=positive)
    servers: int = attrs.field(validator=at_least_one)

    @property
    def load(self) -> float:
        """The share of its time that each server works; 1 or more: they never come to rest."""
        return self.rate_per_s * self.service_s / self.servers

    @property
    def waiting_share(self) -> float:
        """C: the share of customers that wait; 1 at a load of 1 or more."""
        if self.load >= 1.0:
            return 1.0
        work, lost = self.rate_per_s * self.service_s, 1.0
        for server in range(1, self.servers + 1):
            lost = work * lost / (server + work * lost)
        return lost / (1.0 - self.load * (1.0 - lost))

    @property
    def mean_wait_s(self) -> float:
        """W_q; inf at a load of 1 or more."""
        if self.load >= 1.0:
            return math.inf
        return self.waiting_share * self.service_s / (self.servers * (1.0 - self.load))

    @property
    def mean_time_s(self) -> float:
        """W; inf at a load of 1 or more."""
        return self.mean_wait_s + self.service_s

    @property
    def mean_in_system(self) -> float:
        """L; inf at a load of 1 or more."""
        return self.rate_per_s * self.mean_time_s

    def wait_quantile_s(self, fraction: float) -> float:
        """The wait that a share of customers does not exceed; inf at a load of 1 or more.

        P(T_q > t) = C e^(-(c mu - lambda) t); 0 for those who do not wait.

        Raises:
            ValueError: if the fraction is not in [0, 1).
        """
        check_fraction(fraction)
        if self.load >= 1.0:
            return math.inf
        if fraction <= 1.0 - self.waiting_share:
            return 0.0
        decay_s = self.service_s / (self.servers * (1.0 - self.load))
        return math.log(self.waiting_share / (1.0 - fraction)) * decay_s
