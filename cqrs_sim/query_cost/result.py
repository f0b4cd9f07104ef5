"""What was measured, and the crossovers that follow from it."""

from collections.abc import Sequence
from statistics import fmean, median

import attrs
import numpy as np

from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.domain.queries import Query
from cqrs_sim.plots.query_cost import CostLines, KindCrossover, MixedPoint
from cqrs_sim.query_cost.crossover import Crossover, cost_per_operation, crossover
from cqrs_sim.query_cost.forms import FormName
from cqrs_sim.query_cost.work import KINDS
from cqrs_sim.storage.database import Durability

SCHEMA = 1
"""Of the JSON."""


@attrs.frozen(kw_only=True)
class Settings:
    """What is measured."""

    orders: int = 1_000
    """In the tables before a round."""
    rounds: int = 15
    seed: int = 1
    durability: Durability = "normal"
    writes: int = 200
    """Commands timed in a round, one a transaction."""
    reads: tuple[int, int, int, int] = (200, 40, 10, 10)
    """Questions of each kind timed in a round."""
    weights: tuple[float, float, float, float] = (6.0, 2.0, 1.0, 1.0)
    """Of the kinds of questions in the mix; not all 0."""
    read_shares: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """At which mixed runs are made; increasing."""
    operations: int = 200
    """Of a mixed run."""


@attrs.frozen
class Measured:
    """Time of one operation, in each round."""

    values_us: tuple[float, ...]
    """Microseconds, mean of a round; as many as rounds."""

    @property
    def median_us(self) -> float:
        """Over the rounds."""
        return median(self.values_us)

    @property
    def quartiles_us(self) -> tuple[float, float]:
        """The lower and the upper one, over the rounds."""
        return quartiles(self.values_us)

    def to_json(self) -> dict[str, Json]:
        """Median and quartiles, in microseconds."""
        low, high = self.quartiles_us
        found = {"median": self.median_us, "lower_quartile": low, "upper_quartile": high}
        return {name: round(value, 3) for name, value in found.items()}


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper one, by linear interpolation (type 7 of Hyndman and Fan 1996)."""
    low, high = np.quantile(values, (0.25, 0.75)).tolist()
    return low, high


@attrs.frozen
class FormCosts:
    """What the operations cost in one form."""

    write: Measured
    reads: tuple[Measured, ...]
    """One of each kind of question."""
    mixed: tuple[Measured, ...]
    """Of an operation of whatever kind, one of each read share."""
    size_bytes: int
    """Of the tables before a round."""

    def read(self, weights: Sequence[float]) -> Measured:
        """Of a question of a mix: the weighted mean of the kinds, in each round."""
        by_round = zip(*[kind.values_us for kind in self.reads], strict=True)
        return Measured(tuple(fmean(costs, weights) for costs in by_round))


@attrs.frozen
class Meeting:
    """A crossover, and how far apart those of the rounds are."""

    of_medians: Crossover
    quartiles: tuple[float, float] | None
    """Of r* in the rounds; where it pays above, "always" counts as 0 and
    "never" as 1. None if `of_medians` has no r*, or
    if it pays above and a round says below, or the other way round."""


@attrs.frozen
class QueryCost:
    """The costs of both forms."""

    settings: Settings
    normalised: FormCosts
    denormalised: FormCosts
    sqlite: str
    """Its version."""
    answered_differently: tuple[Query, ...] = ()
    """What the forms gave different answers to, after the same commands: must be none."""

    def meeting(self, weights: Sequence[float]) -> Meeting:
        """When denormalised tables pay, for a mix of questions.

        Args:
            weights: of the kinds, not all 0.
        """
        reads = [form.read(weights) for form in (self.normalised, self.denormalised)]
        writes = self.normalised.write, self.denormalised.write
        found = crossover(
            writes[1].median_us - writes[0].median_us, reads[0].median_us - reads[1].median_us
        )
        in_rounds = [
            crossover(write_d - write_n, read_n - read_d)
            for write_n, write_d, read_n, read_d in zip(
                *[one.values_us for one in (*writes, *reads)], strict=True
            )
        ]
        return Meeting(found, _spread(found, in_rounds))

    def meetings(self) -> dict[str, Meeting]:
        """Of each kind of question alone, and of the mix."""
        alone = {kind: self.meeting([float(other == kind) for other in KINDS]) for kind in KINDS}
        return {**alone, "mix": self.meeting(self.settings.weights)}

    def line_us(self, form: FormName, read_share: float) -> float:
        """Cost of an operation of the mix, from the medians of its parts."""
        costs = self.normalised if form == "normalised" else self.denormalised
        read = costs.read(self.settings.weights)
        return cost_per_operation(costs.write.median_us, read.median_us, read_share)

    def largest_deviation(self) -> float:
        """Of a mixed run from its line, relative; the sign is that of the run less the line."""
        deviations = [
            measured.median_us / self.line_us(form, share) - 1.0
            for form, costs in self._forms()
            for share, measured in zip(self.settings.read_shares, costs.mixed, strict=True)
        ]
        return max(deviations, key=abs, default=0.0)

    def _forms(self) -> tuple[tuple[FormName, FormCosts], ...]:
        return ("normalised", self.normalised), ("denormalised", self.denormalised)

    def lines(self) -> CostLines:
        """What the figure shows."""
        points = tuple(
            MixedPoint(form, share, one.median_us, one.quartiles_us)
            for form, costs in self._forms()
            for share, one in zip(self.settings.read_shares, costs.mixed, strict=True)
        )
        ends = {
            form: (self.line_us(form, 0.0), self.line_us(form, 1.0)) for form, _ in self._forms()
        }
        meetings = {
            name: KindCrossover(
                name, found.of_medians.told(), found.of_medians.read_share, found.quartiles
            )
            for name, found in self.meetings().items()
        }
        mix = meetings.pop("mix")
        return CostLines(
            ends["normalised"], ends["denormalised"], points, mix, tuple(meetings.values())
        )

    def to_json(self) -> dict[str, Json]:
        """All of it, times in microseconds, shares as fractions."""
        return {
            "schema": SCHEMA,
            "sqlite": self.sqlite,
            "settings": plain(self.settings),
            "forms": {
                form: {
                    "write_us": costs.write.to_json(),
                    "read_us": {
                        kind: one.to_json() for kind, one in zip(KINDS, costs.reads, strict=True)
                    },
                    "read_of_mix_us": costs.read(self.settings.weights).to_json(),
                    "size_bytes": costs.size_bytes,
                    "mixed": [
                        {"read_share": share, "line_us": round(self.line_us(form, share), 3)}
                        | one.to_json()
                        for share, one in zip(self.settings.read_shares, costs.mixed, strict=True)
                    ],
                }
                for form, costs in self._forms()
            },
            "crossovers": {
                name: {
                    "pays": found.of_medians.verdict,
                    "read_share": found.of_medians.read_share,
                    "quartiles": found.quartiles,
                }
                for name, found in self.meetings().items()
            },
            "largest_deviation": round(self.largest_deviation(), 4),
            "answered_differently": [str(query) for query in self.answered_differently],
            "ok": not self.answered_differently,
        }


def _spread(found: Crossover, in_rounds: Sequence[Crossover]) -> tuple[float, float] | None:
    """Quartiles of r* over the rounds, where they can be compared."""
    if found.verdict not in ("above", "below"):
        return None
    # Above r*, "always" is above 0 and "never" above 1; below it, the other way round.
    always = 0.0 if found.verdict == "above" else 1.0
    ends = {"always": always, "never": 1.0 - always}
    shares = []
    for one in in_rounds:
        if one.read_share is None:
            shares.append(ends[one.verdict])
        elif one.verdict == found.verdict:
            shares.append(one.read_share)
        else:
            return None
    return quartiles(shares)
