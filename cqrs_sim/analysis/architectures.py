"""Architectures side by side: what each came to under one load, as plain numbers.

The same record feeds the table in the terminal, the page, the figures and the JSON, so that none of
them can say what another does not. One architecture is the control: everything is told as it
differs from that one.
"""

from collections.abc import Mapping

import attrs

from cqrs_sim.analysis.diverged import DivergedOrders
from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.analysis.makespan import Makespan
from cqrs_sim.analysis.quantiles import SampleSummary

SCHEMA = 1
CONTROL = "crud"
KINDS = {
    "GetOrderById": "by id",
    "GetOrdersByCustomer": "by customer",
    "GetOrdersByStatus": "by status",
    "GetOrderStatistics": "statistics",
}
"""The kinds of query, in the order of every table and figure, and what they are called there."""


UNORDERED = "nothing keeps its order; none was seen wrong in this run"
"""Said of what tasks update: that a run had luck is no promise."""
TOLD_APART_S = 50e-6
"""In real time: one run may be as much slower than the next, whatever is run."""
PARTS = ("databases", "kinds of actor", "channels", "hops to an answer")
"""The kinds of moving parts, in the order of every figure."""


@attrs.frozen(kw_only=True)
class Cost:
    """One of the inputs that all architectures share."""

    name: str
    value: str
    """With its unit, as in a scenario."""
    meaning: str


@attrs.frozen(kw_only=True)
class Parts:
    """What there is to build, to run and to go wrong."""

    actors: tuple[str, ...]
    """Kinds of actor."""
    channels: int
    hops: int
    """From the commit of an event to an answer that shows it."""
    databases: int
    failures: tuple[str, ...] = ()
    """What can go wrong here that cannot go wrong in fewer parts."""


@attrs.frozen(kw_only=True)
class Measured:
    """A sample of times, or why there is none."""

    sample: SampleSummary
    is_withheld: bool = False
    """Whether nothing is said of them: the stage is saturated, so that its times would measure the
    length of the run, or the measurement is invalid."""

    @property
    def is_always_zero(self) -> bool:
        """Whether every value is exactly 0: then so is every quantile, however few they are."""
        return not self.is_withheld and self.sample.n > 0 and self.sample.max == 0.0

    @property
    def mean_s(self) -> float | None:
        """None where withheld, where some are not known, or where not even a median is told."""
        is_told = not self.is_withheld and "p50" not in self.sample.too_few
        return self.sample.mean if is_told else None

    def quantile_s(self, name: str) -> float | None:
        """One of the quantiles, by its name in the summary; None where there is none to show."""
        value: float | None = getattr(self.sample, name)
        return None if self.is_withheld else value

    @property
    def tail(self) -> tuple[str, float] | None:
        """The highest of p99, p90 and p50 that the sample can carry, with its name."""
        if self.is_always_zero:
            return "p99", 0.0
        for name in ("p99", "p90", "p50"):
            value = self.quantile_s(name)
            if value is not None:
                return name, value
        return None


@attrs.frozen(kw_only=True)
class KindFigures:
    """The queries of one kind."""

    kind: str
    """Class name of the query."""
    response: Measured
    answered: int
    stale: int
    """Answers that lacked a committed event which they should have shown."""


@attrs.frozen(kw_only=True)
class LagFigures:
    """The slowest read model of an architecture."""

    read_model: str
    lag: Measured


@attrs.frozen(kw_only=True)
class ArchitectureFigures:
    """What one architecture came to on one substrate."""

    architecture: str
    substrate: str
    engine: str
    complete: bool
    """False if the run was cut short."""
    write: Measured
    """Response time of commands."""
    query: Measured
    """Response time of all queries."""
    kinds: tuple[KindFigures, ...]
    stale_from_cache: int | None = None
    """Of the stale answers those that a cache gave; None where there is none."""
    cache_age: Measured | None = None
    """How stale answers of the cache are; None where there is none."""
    slowest: LagFigures | None
    """None if there is no read model."""
    makespan: Makespan | None
    """Flat out; None if that was not run."""
    saturated: tuple[str, ...]
    """Stages that the load saturates, with the reasons."""
    invalid: tuple[str, ...]
    """Why the measurement is invalid; empty if it is valid."""
    failed: tuple[str, ...]
    """Checks that failed, in words."""
    diverged: DivergedOrders | None
    stored_bytes: int | None
    """None: everything is in memory."""
    parts: Parts
    is_unordered: bool = False
    """Whether tasks update its read models, so that nothing keeps the order of events: what it
    shows may be wrong, seen or not, and so its speed is nobody's measure."""
    gives_up: tuple[str, ...] = ()
    """Short texts, most of them from the numbers; the first is the one that weighs most."""

    def __attrs_post_init__(self) -> None:
        """Withhold every time of an invalid measurement here, so that nobody can show one."""
        if not self.invalid:
            return
        kinds = tuple(attrs.evolve(kind, response=_held(kind.response)) for kind in self.kinds)
        slowest, age = self.slowest, self.cache_age
        changed = {
            "write": _held(self.write),
            "query": _held(self.query),
            "kinds": kinds,
            "slowest": slowest and attrs.evolve(slowest, lag=_held(slowest.lag)),
            "cache_age": age and _held(age),
        }
        for name, value in changed.items():
            # The way of attrs to finish a frozen record; nobody has seen it yet.
            object.__setattr__(self, name, value)

    @property
    def why_withheld(self) -> str:
        """What stands in place of times."""
        return f"withheld: {'invalid' if self.invalid else 'saturated'}"

    @property
    def answered(self) -> int:
        """Answers of all kinds."""
        return sum(kind.answered for kind in self.kinds)

    @property
    def stale(self) -> int:
        """Stale ones among them."""
        return sum(kind.stale for kind in self.kinds)

    @property
    def stale_counts(self) -> tuple[int, int] | None:
        """Stale answers from a read model and from a cache.

        None where nothing was answered, or where the measurement is invalid.
        """
        if self.invalid or not self.answered:
            return None
        cached = self.stale_from_cache or 0
        return self.stale - cached, cached

    @property
    def saturates_at_per_s(self) -> float | None:
        """Operations a second, flat out; None where that is not known."""
        return None if self.makespan is None else self.makespan.rate_per_s

    @property
    def is_diverged(self) -> bool:
        """Whether its read models are wrong for good."""
        return self.diverged is not None

    def of_kind(self, kind: str) -> KindFigures | None:
        """The queries of a kind; None if there were none."""
        return next((found for found in self.kinds if found.kind == kind), None)

    def to_json(self) -> dict[str, Json]:
        """Plain values; `rate_per_s` is in `makespan`, since it follows from the rest."""
        makespan = self.makespan
        flat_out: Json = None
        if makespan is not None:
            flat_out = {**plain(makespan), "rate_per_s": makespan.rate_per_s}
        return {**plain(self), "makespan": flat_out}


@attrs.frozen(kw_only=True)
class SideBySide:
    """All of them, and what they have in common."""

    where: str
    """The answer's first words: the load, and what the figures stand on."""
    answers: tuple[str, ...]
    """What came out, an architecture each, in words made of the numbers."""
    elsewhere: tuple[str, ...] = ()
    """What is wrong, or no result, on the other substrates, a substrate each or more."""
    load: str
    """What was asked of each, in words: rate, mix, duration."""
    rate_per_s: float
    """Of the load: commands and queries together."""
    rates: Mapping[str, float] = attrs.field(factory=dict)
    """By substrate, where it is another one."""
    seed: int
    complete: bool
    """False if it was interrupted; then some architectures are missing, or cut short."""
    costs: tuple[Cost, ...]
    """What modelled work costs, the same for all."""
    rows: tuple[ArchitectureFigures, ...]
    """By substrate, then by architecture; the control first."""
    measured: tuple[tuple[str, str], ...] = ()
    """How it was measured: name and text each."""
    provenance: Mapping[str, Json] = attrs.field(factory=dict)
    """Versions and machine."""

    @property
    def answer(self) -> str:
        """What came out, in one sentence."""
        return f"{self.where} {'; '.join([*self.answers, *self.elsewhere])}"

    @property
    def substrates(self) -> tuple[str, ...]:
        """In the order of the rows."""
        return tuple(dict.fromkeys(row.substrate for row in self.rows))

    def rate_on(self, substrate: str) -> float:
        """Of the load that a substrate got."""
        return self.rates.get(substrate, self.rate_per_s)

    def on(self, substrate: str) -> tuple[ArchitectureFigures, ...]:
        """The rows of one substrate."""
        return tuple(row for row in self.rows if row.substrate == substrate)

    def control(self, substrate: str) -> ArchitectureFigures | None:
        """What the others are compared with; None if it was not run."""
        found = (row for row in self.on(substrate) if row.architecture == CONTROL)
        return next(found, None)

    @property
    def wrong(self) -> tuple[ArchitectureFigures, ...]:
        """Those that a check failed of, as where read models diverged."""
        return tuple(row for row in self.rows if row.is_diverged or row.failed)

    def to_json(self) -> dict[str, Json]:
        """The content of `architectures.json`."""
        return {
            "schema": SCHEMA,
            "complete": self.complete,
            "control": CONTROL,
            "answer": self.answer,
            "load": self.load,
            "rate_per_s": self.rate_per_s,
            "rates": dict(self.rates),
            "seed": self.seed,
            "costs": {cost.name: plain(cost) for cost in self.costs},
            "substrates": {
                substrate: {row.architecture: row.to_json() for row in self.on(substrate)}
                for substrate in self.substrates
            },
            "measured": dict(self.measured),
            "provenance": dict(self.provenance),
        }


def counts_of(row: ArchitectureFigures) -> dict[str, int]:
    """Moving parts, by `PARTS`; what they come to in all would mean nothing."""
    parts = row.parts
    counts = (parts.databases, len(parts.actors), parts.channels, parts.hops)
    return dict(zip(PARTS, counts, strict=True))


def _held(measured: Measured) -> Measured:
    return attrs.evolve(measured, is_withheld=True)


def times_of(measured: Measured, control: Measured, engine: str) -> float | None:
    """How many times as long as the control it takes; None where that is not known.

    In simulated time by the means, since the ratio of two means is that of the whole time spent. In
    real time by the medians: one stop of the machine may take as long as all else together. There
    what differs by less than `TOLD_APART_S` is as long.
    """
    if engine == "wall":
        return _in_real_time(measured.quantile_s("p50"), control.quantile_s("p50"))
    mean_s, of_s = measured.mean_s, control.mean_s
    return mean_s / of_s if mean_s is not None and of_s else None


def query_times(row: ArchitectureFigures, control: ArchitectureFigures) -> float | None:
    """How many times as long as in the control queries take; None where that is not known.

    As `times_of`; in real time by the medians of the kinds, each for as many as were answered by
    the control: the median of all of them is that of the kind which is asked most.
    """
    if row.engine != "wall":
        return times_of(row.query, control.query, row.engine)
    return _in_real_time(_typical_s(row, control), _typical_s(control, control))


def _in_real_time(time_s: float | None, of_s: float | None) -> float | None:
    if time_s is None or not of_s:
        return None
    return 1.0 if abs(time_s - of_s) < TOLD_APART_S else time_s / of_s


def _typical_s(row: ArchitectureFigures, control: ArchitectureFigures) -> float | None:
    """Of a query, in the mix that the control answered."""
    total_s = 0.0
    for kind in control.kinds:
        found = row.of_kind(kind.kind)
        median_s = None if found is None else found.response.quantile_s("p50")
        if median_s is None:
            return None
        total_s += kind.answered * median_s
    return total_s / control.answered if control.answered else None


def rate_times(row: ArchitectureFigures, control: ArchitectureFigures | None) -> float | None:
    """How many times the control's rate at saturation; None where that is not known."""
    of_s = None if control is None else control.saturates_at_per_s
    rate = row.saturates_at_per_s
    return rate / of_s if rate is not None and of_s else None
