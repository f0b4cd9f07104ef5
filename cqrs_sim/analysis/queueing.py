"""Closed forms of queueing theory: what a single station comes to in the long run.

Each class is one system, named by Kendall: arrivals, service, servers, and room if that is bounded.
M is Poisson or exponential, D constant, G anything. All of them serve first come first served.
Rates are per second, times in seconds, and all are of the steady state: a run that begins empty
comes near to it after a few relaxation times (`MM1.relaxation_s`). At a load of 1 or more a queue
with room for all has no steady state: its means and quantiles are `math.inf`.

Symbols, everywhere
    lambda  arrivals a second (`rate_per_s`)
    s       mean service time, seconds (`service_s`); mu = 1 / s
    rho     load, lambda s: the share of its time that the server works
    W_q, W  mean time waiting, and in the system: W = W_q + s
    L       mean number in the system; L = lambda W by Little's law

Sources: L. Kleinrock, Queueing Systems 1: Theory (1975); D. Gross, J. F. Shortle, J. M. Thompson,
C. M. Harris, Fundamentals of Queueing Theory, 4th ed. (2008); R. B. Cooper, Introduction to
Queueing Theory, 2nd ed. (1981). One server with little room, and several servers, are in
`erlang_queueing`. `tests/analysis/test_queueing.py` holds each against a simulation.
"""

import math

import attrs

from cqrs_sim.analysis.time_quantiles import check_fraction, not_negative, positive


@attrs.frozen(kw_only=True)
class MG1:
    """Poisson arrivals, any service time, one server.

    W_q = lambda (v + s^2) / (2 (1 - rho))

    Where v is the variance of the service time.

    Source: the formula of Pollaczek and Khinchine; Kleinrock (1975), section 5.6.

    Raises:
        ValueError: if an argument is not finite or out of its range.
    """

    rate_per_s: float = attrs.field(validator=not_negative)
    service_s: float = attrs.field(validator=positive)
    service_variance_s2: float = attrs.field(validator=not_negative)

    @property
    def load(self) -> float:
        """The share of its time that the server works; 1 or more: it never comes to rest."""
        return self.rate_per_s * self.service_s

    @property
    def mean_wait_s(self) -> float:
        """W_q; inf at a load of 1 or more."""
        if self.load >= 1.0:
            return math.inf
        second_moment = self.service_variance_s2 + self.service_s**2
        return self.rate_per_s * second_moment / (2.0 * (1.0 - self.load))

    @property
    def mean_time_s(self) -> float:
        """W; inf at a load of 1 or more."""
        return self.mean_wait_s + self.service_s

    @property
    def mean_in_system(self) -> float:
        """L; inf at a load of 1 or more."""
        return self.rate_per_s * self.mean_time_s

    @property
    def relaxation_s(self) -> float:
        """Time in which a start from empty is forgotten to about a third; inf at a load of 1.

        That of the M/M/1 of the same load and mean service, times (1 + c^2) / 2, as in the heavy
        traffic limit; c^2 is the squared coefficient of variation of the service time. An order of
        magnitude, for choosing a warm-up.

        Source: W. Whitt, "Planning queueing simulations", Management Science 35 (1989).
        """
        if self.load >= 1.0:
            return math.inf
        factor = (1.0 + self.service_variance_s2 / self.service_s**2) / 2.0
        return factor * self.service_s / (1.0 - math.sqrt(self.load)) ** 2


def md1(*, rate_per_s: float, service_s: float) -> MG1:
    """Poisson arrivals, constant service, one server: W_q = rho s / (2 (1 - rho)).

    Source: Gross and others (2008), section 5.1.1. The distribution of the wait is an alternating
    sum whose terms cancel at high loads, and is left out.

    Raises:
        ValueError: as `MG1`.
    """
    return MG1(rate_per_s=rate_per_s, service_s=service_s, service_variance_s2=0.0)


@attrs.frozen(kw_only=True)
class MM1:
    """Poisson arrivals, exponential service, one server.

    The time in the system is exponential with rate mu - lambda: P(T > t) = e^(-(mu - lambda) t).

    Source: Kleinrock (1975), sections 3.2 and 5.7.

    Raises:
        ValueError: if an argument is not finite or out of its range.
    """

    rate_per_s: float = attrs.field(validator=not_negative)
    service_s: float = attrs.field(validator=positive)

    @property
    def load(self) -> float:
        """The share of its time that the server works; 1 or more: it never comes to rest."""
        return self.rate_per_s * self.service_s

    @property
    def decay_per_s(self) -> float:
        """The rate mu - lambda of the time in the system; 0 at a load of 1 or more."""
        return max(0.0, 1.0 / self.service_s - self.rate_per_s)

    @property
    def mean_time_s(self) -> float:
        """W = 1 / (mu - lambda); inf at a load of 1 or more."""
        return 1.0 / self.decay_per_s if self.load < 1.0 else math.inf

    @property
    def mean_wait_s(self) -> float:
        """W_q = rho / (mu - lambda); inf at a load of 1 or more."""
        return self.load * self.mean_time_s

    @property
    def mean_in_system(self) -> float:
        """L = rho / (1 - rho); inf at a load of 1 or more."""
        return self.rate_per_s * self.mean_time_s

    def quantile_s(self, fraction: float) -> float:
        """The time in the system that a share of customers does not exceed.

        T_q = -ln(1 - q) / (mu - lambda); inf at a load of 1 or more.

        Raises:
            ValueError: if the fraction is not in [0, 1).
        """
        check_fraction(fraction)
        return -math.log1p(-fraction) * self.mean_time_s if fraction else 0.0

    def wait_quantile_s(self, fraction: float) -> float:
        """The same of the wait: P(T_q > t) = rho e^(-(mu - lambda) t); 0 for whom it is none.

        Raises:
            ValueError: if the fraction is not in [0, 1).
        """
        check_fraction(fraction)
        if fraction <= 1.0 - self.load:
            return 0.0
        return math.log(self.load / (1.0 - fraction)) * self.mean_time_s

    @property
    def relaxation_s(self) -> float:
        """Time in which a start from empty is forgotten to about a third: s / (1 - sqrt(rho))^2.

        inf at a load of 1 or more. It is one over the gap in the spectrum of the process.

        Source: S. Karlin, J. McGregor, "Many server queueing processes with Poisson input and
        exponential service times", Pacific Journal of Mathematics 8 (1958).
        """
        if self.load >= 1.0:
            return math.inf
        return self.service_s / (1.0 - math.sqrt(self.load)) ** 2


@attrs.frozen(kw_only=True)
class Tandem:
    """A write server and then a read server, both exponential, with Poisson arrivals.

    In the steady state an M/M/1 lets out a Poisson process of the rate that came in, so the second
    station is an M/M/1 as well, and what a customer spends in it, here the consistency lag, does
    not depend on what it spent in the first.

    Sources: P. J. Burke, "The output of a queuing system", Operations Research 4 (1956); E. Reich,
    "Waiting times when queues are in tandem", Annals of Mathematical Statistics 28 (1957).

    Raises:
        ValueError: as `MM1`.
    """

    rate_per_s: float = attrs.field(validator=not_negative)
    write_service_s: float = attrs.field(validator=positive)
    read_service_s: float = attrs.field(validator=positive)

    @property
    def write(self) -> MM1:
        """The first station."""
        return MM1(rate_per_s=self.rate_per_s, service_s=self.write_service_s)

    @property
    def read(self) -> MM1:
        """The second; what comes out of a first that cannot keep up is no Poisson process."""
        return MM1(rate_per_s=self.rate_per_s, service_s=self.read_service_s)

    @property
    def mean_lag_s(self) -> float:
        """Mean time in the second station; inf if either load is 1 or more."""
        return self.read.mean_time_s if self.write.load < 1.0 else math.inf

    @property
    def mean_time_s(self) -> float:
        """Mean time in both."""
        return self.write.mean_time_s + self.mean_lag_s

    def lag_quantile_s(self, fraction: float) -> float:
        """The time in the second station that a share of customers does not exceed.

        Raises:
            ValueError: if the fraction is not in [0, 1).
        """
        found = self.read.quantile_s(fraction)
        return found if self.write.load < 1.0 else math.inf


@attrs.frozen(kw_only=True)
class DM1:
    """Evenly spaced arrivals, exponential service, one server.

    An arrival finds n customers with probability (1 - z) z^n, where z is the root below 1 of

    z = e^(-(1 - z) / rho), that is z = -rho W_0(-e^(-1 / rho) / rho)

    with Lambert's W_0. The time in the system is exponential with rate mu (1 - z).

    Source: Kleinrock (1975), section 6.4 (G/M/1); for the form with W_0: R. M. Corless and others,
    "On the Lambert W function", Advances in Computational Mathematics 5 (1996).

    Raises:
        ValueError: if an argument is not finite and above 0.
    """

    rate_per_s: float = attrs.field(validator=positive)
    service_s: float = attrs.field(validator=positive)

    @property
    def load(self) -> float:
        """The share of its time that the server works; 1 or more: it never comes to rest."""
        return self.rate_per_s * self.service_s

    @property
    def root(self) -> float:
        """z: the probability that an arrival has to wait; 1 at a load of 1 or more."""
        # SciPy is loaded here because the command line should not wait for it.
        from scipy.special import lambertw

        if self.load >= 1.0:
            return 1.0
        return float(-self.load * lambertw(-math.exp(-1.0 / self.load) / self.load).real)

    @property
    def mean_time_s(self) -> float:
        """W = s / (1 - z); inf at a load of 1 or more."""
        return self.service_s / (1.0 - self.root) if self.load < 1.0 else math.inf

    @property
    def mean_wait_s(self) -> float:
        """W_q = z s / (1 - z); inf at a load of 1 or more."""
        return self.root * self.mean_time_s

    @property
    def mean_in_system(self) -> float:
        """L, over time; inf at a load of 1 or more."""
        return self.rate_per_s * self.mean_time_s

    def quantile_s(self, fraction: float) -> float:
        """The time in the system that a share of customers does not exceed; inf at a load of 1.

        Raises:
            ValueError: if the fraction is not in [0, 1).
        """
        check_fraction(fraction)
        return -math.log1p(-fraction) * self.mean_time_s if fraction else 0.0
