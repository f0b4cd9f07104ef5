"""Roots: the rate at which one seed meets the limit.

Let h(r) = limit / metric(r) - 1. A time in an M/M/1 queue is c / (mu - r), so there h is a straight
line that falls to -1 at the saturation rate mu; in most queues it is nearly one. So a line through
what has been probed and through that point comes close at once, and false position does the rest
(the Illinois algorithm: M. Dowell and P. Jarratt, "A modified regula falsi method for computing the
root of an equation", BIT 11 (1971), 168-174), with a bisection where that creeps, as it does at a
step. Three to six probes a seed.

What is assumed: that the metric grows with the rate.
"""

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.probes import Lack, Probe
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.unit_text import duration_text

Ask: TypeAlias = Callable[[float], Probe]
Kind: TypeAlias = Literal["limit", "saturation", "none"]

PRECISE = 5e-4
"""Relative step from which on the next probe would tell nothing new: seeds differ by far more."""
NEAR = 0.05
"""Margin above which a small step means that the line is a bad guide, not that the root is near."""
CREEPS = 3
MOST_PROBES = 40
NEARLY_SATURATED = 0.99
"""Of the saturation rate: who keeps the limit up to there is held by saturation alone."""
LIGHT = 0.1
"""Of the saturation rate: who breaks the limit so far down waits for nobody, and breaks it at any
rate."""
LIGHTEST = 0.02
SPARE = 1.03
"""Events above the least, so that a lower rate that should have enough has enough."""
ROOM = 0.8
"""Of where the limit is thought to be met: a rate that a longer run should be able to probe."""
BACK = 0.7
"""Of a rate at which everything is saturated: the next to be probed."""

NO_WORK = (
    "write_side.service and read_models.*.service: take no time, so nothing limits the rate: "
    "must have a mean above 0s"
)


@attrs.frozen(kw_only=True)
class Root:
    """Where one seed meets the limit."""

    seed: int
    kind: Kind
    """`limit`: there it is met. `saturation`: a stage saturates first. `none`: no rate keeps it."""
    rate_per_s: float
    """Of `none`: the lowest that was probed."""
    loads: dict[str, float]
    """Offered load by stage there."""
    probes: tuple[Probe, ...]

    @property
    def nearest(self) -> Probe:
        """The probe at the rate that is nearest."""
        return min(self.probes, key=lambda found: abs(found.rate_per_s - self.rate_per_s))


def find_root(ask: Ask, scenario: Scenario, start_per_s: float) -> Root:
    """Find the rate at which one seed meets the limit.

    Args:
        ask: probes a rate, always with the same seed.
        scenario: for the message, should its run be too short.
        start_per_s: the rate to begin with.

    Raises:
        InvalidScenarioError: if the run is too short for the metric, or no stage takes any time.
    """
    return _Search(ask, scenario).root(start_per_s)


@attrs.define
class _Search:
    ask: Ask
    scenario: Scenario
    probes: list[Probe] = attrs.field(factory=list)
    low: tuple[float, float] | None = None
    """Highest rate that held, and its margin; weighed down if it stays too long."""
    high: tuple[float, float] | None = None
    """Lowest rate that did not hold."""
    higher: tuple[float, float] | None = None
    """The rate that was `high` before, if both were broken without being saturated."""
    widths: list[float] = attrs.field(factory=list)
    """Of the bracket, after each probe."""
    lowest: float = 0.0
    """No rate below it has enough events, or tells more."""

    def root(self, start_per_s: float) -> Root:
        rate = start_per_s
        while len(self.probes) < MOST_PROBES:
            newest = self._probe(rate)
            if self._is_free_up_to_saturation(newest):
                return self._found("saturation", newest.saturates_at_per_s)
            if newest.lack is None and newest.margin <= 0.0 and rate <= self.lowest * 1.0001:
                return self._at_the_bottom(newest)
            following = self._next(newest)
            is_near = newest.lack is None and abs(newest.margin) <= NEAR
            if is_near and abs(following - rate) <= PRECISE * rate:
                return self._found("limit", following)
            if self._bracket_is_narrow():
                return self._found("limit", following)
            rate = following
        return self._found("limit", rate)

    def _probe(self, rate: float) -> Probe:
        newest = self.ask(rate)
        self.probes.append(newest)
        if math.isinf(newest.saturates_at_per_s):
            raise InvalidScenarioError([NO_WORK])
        self.lowest = max(self.lowest, LIGHTEST * newest.saturates_at_per_s)
        if newest.lack is not None:
            self._raise_lowest(newest, newest.lack)
        else:
            self._move_an_end(newest)
        return newest

    def _move_an_end(self, newest: Probe) -> None:
        """Illinois: an end that stays for a second time counts half."""
        known = [probe for probe in self.probes if probe.lack is None]
        is_held = newest.margin > 0.0
        stays_again = len(known) > 1 and (known[-2].margin > 0.0) == is_held
        point = (newest.rate_per_s, newest.margin)
        if is_held:
            self.low = point
            if stays_again and self.high is not None:
                self.high = (self.high[0], self.high[1] / 2)
        else:
            if self.high is not None and self.high[1] > -1.0 and _leads_down(self.high, point):
                self.higher = self.high
            self.high = point
            if stays_again and self.low is not None:
                self.low = (self.low[0], self.low[1] / 2)
        if self.low is not None and self.high is not None:
            self.widths.append(self.high[0] - self.low[0])

    def _raise_lowest(self, newest: Probe, lack: Lack) -> None:
        factor = SPARE * lack.needed / lack.n if lack.n else math.inf
        self.lowest = max(self.lowest, newest.rate_per_s * factor)
        highest = NEARLY_SATURATED * newest.saturates_at_per_s
        if self.lowest >= highest:
            raise InvalidScenarioError([too_short(self.scenario, newest, lack, highest)])

    def _is_free_up_to_saturation(self, newest: Probe) -> bool:
        # With some room, since each probe has a saturation rate of its own.
        highest = (NEARLY_SATURATED - 0.001) * newest.saturates_at_per_s
        return newest.lack is None and newest.margin > 0.0 and newest.rate_per_s >= highest

    def _at_the_bottom(self, newest: Probe) -> Root:
        """Even the lowest rate breaks the limit: none keeps it, or the run is too short to tell."""
        light = LIGHT * newest.saturates_at_per_s
        if newest.rate_per_s > light:
            short = next((probe for probe in self.probes if probe.lack is not None), None)
            assert short is not None, "only a lack of events keeps a search from light loads"
            assert short.lack is not None
            guess = 0.0
            if newest.margin > -1.0:
                end = (max(newest.saturates_at_per_s, newest.rate_per_s * 1.001), -1.0)
                guess = _crossing((newest.rate_per_s, newest.margin), end)
            raise InvalidScenarioError(
                [too_short(self.scenario, short, short.lack, max(light, ROOM * guess))]
            )
        return self._found("none", newest.rate_per_s)

    def _next(self, newest: Probe) -> float:
        """The rate to probe next: where a line says that the limit is met."""
        end = (newest.saturates_at_per_s, -1.0)
        high = self.high
        if high is None or (high[1] <= -1.0 and high[0] > end[0]):
            high = end
        if self.low is not None:
            if self._creeps():
                return self._within((self.low[0] + high[0]) / 2, newest)
            return self._within(_crossing(self.low, high), newest)
        if high[1] <= -1.0:
            return self._within(BACK * high[0], newest)
        # Not held, and nothing below it is known: the line is drawn backwards.
        guess = _crossing(high, (max(end[0], high[0] * 1.001), -1.0))
        if self.higher is not None:
            guess = min(guess, _crossing(high, self.higher))
        return self._within(min(guess, 0.995 * high[0]), newest)

    def _creeps(self) -> bool:
        """Whether the bracket is still more than half of what it was three probes ago."""
        return len(self.widths) > CREEPS and self.widths[-1] > self.widths[-1 - CREEPS] / 2

    def _within(self, rate: float, newest: Probe) -> float:
        highest = NEARLY_SATURATED * newest.saturates_at_per_s
        if self.high is not None:
            highest = min(highest, self.high[0])
        return max(min(rate, highest), self.lowest)

    def _bracket_is_narrow(self) -> bool:
        if self.low is None or self.high is None:
            return False
        return self.high[0] - self.low[0] <= PRECISE * self.low[0]

    def _found(self, kind: Kind, rate: float) -> Root:
        nearest = min(self.probes, key=lambda probe: abs(probe.rate_per_s - rate))
        factor = rate / nearest.rate_per_s
        return Root(
            seed=nearest.seed,
            kind=kind,
            rate_per_s=rate,
            loads={stage: load * factor for stage, load in nearest.loads.items()},
            probes=tuple(self.probes),
        )


def _leads_down(before: tuple[float, float], now: tuple[float, float]) -> bool:
    """Whether a line through two points, found one after the other, leads down to lower rates."""
    return now[0] < before[0] and now[1] > before[1]


def _crossing(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Where the line through two points is 0."""
    (rate, height), (other_rate, other_height) = one, other
    return rate + (other_rate - rate) * height / (height - other_height)


def too_short(scenario: Scenario, probe: Probe, lack: Lack, rate_per_s: float) -> str:
    """What to say of a run with too few events at a rate: which key, and how long it must be."""
    run = scenario.run
    per_s = lack.n / ((run.duration - run.warm_up) / 1e9) / probe.rate_per_s
    told = f'run.duration = "{duration_text(run.duration)}": {lack.metric} needs {lack.needed:,} '
    if not per_s:
        return f"{told}values, and there are none at {probe.rate_per_s:,.4g}/s"
    wanted_s = math.ceil(run.warm_up / 1e9 + SPARE**2 * lack.needed / (per_s * rate_per_s))
    came = f"values, and {rate_per_s:,.4g}/s brings {per_s * rate_per_s:,.4g} a second"
    return f"{told}{came}: must be at least {wanted_s}s"
