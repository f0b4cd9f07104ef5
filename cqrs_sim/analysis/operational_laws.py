"""Operational laws: what holds of every run, whatever its distributions.

They are about what was counted in a period in which as much went out as came in, and assume
nothing else: no Poisson, no independence. Rates are per second, times in seconds.

Symbols, everywhere
    X       throughput: completions a second
    S, D    service time of a visit; demand: service at one station for one whole operation
    N, Z    clients of a closed system, and the time each of them thinks between two operations
    R       response: time in the system of one operation

Sources: J. D. C. Little, "A proof for the queuing formula L = lambda W", Operations Research 9
(1961); P. J. Denning, J. P. Buzen, "The operational analysis of queueing network models", ACM
Computing Surveys 10 (1978); E. D. Lazowska, J. Zahorjan, G. S. Graham, K. C. Sevcik, Quantitative
System Performance (1984), chapters 3 and 5.
"""

import attrs


def mean_in_system(throughput_per_s: float, time_s: float) -> float:
    """Little's law, L = X R: how many are inside on average."""
    return throughput_per_s * time_s


def utilisation(throughput_per_s: float, service_s: float) -> float:
    """The utilisation law, U = X S: the share of its time that a server works."""
    return throughput_per_s * service_s


def interactive_response_s(clients: int, throughput_per_s: float, think_s: float) -> float:
    """The response time law of a closed system, R = N / X - Z.

    Source: Denning and Buzen (1978), section 4; an identity over whole cycles of the clients.

    Raises:
        ValueError: if nothing was completed.
    """
    if throughput_per_s <= 0.0:
        raise ValueError(f"throughput_per_s = {throughput_per_s!r}: it must be above 0")
    return clients / throughput_per_s - think_s


@attrs.frozen(kw_only=True)
class ClosedBounds:
    """What a closed system can do at best, and what it does at least.

    N / (N D + Z) <= X <= min(1 / D_max, N / (D + Z));  R >= max(D, N D_max - Z)

    Where D is the sum of the demands and D_max the largest of them.

    Source: Lazowska and others (1984), section 5.2 (asymptotic bounds).

    Raises:
        ValueError: if there is no client, no demand above 0, or a negative time.
    """

    clients: int = attrs.field()
    demands_s: tuple[float, ...] = attrs.field()
    """By station, a single server each."""
    think_s: float = attrs.field(default=0.0)

    def __attrs_post_init__(self) -> None:
        if self.clients < 1:
            raise ValueError(f"clients = {self.clients!r}: there must be at least 1")
        if min(self.demands_s, default=-1.0) < 0.0 or max(self.demands_s, default=0.0) <= 0.0:
            raise ValueError(f"demands_s = {self.demands_s!r}: none below 0, and one above it")
        if self.think_s < 0.0:
            raise ValueError(f"think_s = {self.think_s!r}: it must not be below 0")

    @property
    def highest_throughput_per_s(self) -> float:
        """No X is above it."""
        return min(1.0 / max(self.demands_s), self.clients / (sum(self.demands_s) + self.think_s))

    @property
    def lowest_throughput_per_s(self) -> float:
        """No X is below it: each client waits for all others at every station."""
        return self.clients / (self.clients * sum(self.demands_s) + self.think_s)

    @property
    def lowest_response_s(self) -> float:
        """No R is below it."""
        return max(sum(self.demands_s), self.clients * max(self.demands_s) - self.think_s)

    @property
    def knee_clients(self) -> float:
        """N* = (D + Z) / D_max: with more clients the slowest station must make some wait."""
        return (sum(self.demands_s) + self.think_s) / max(self.demands_s)
