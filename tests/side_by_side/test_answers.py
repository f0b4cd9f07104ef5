"""What a comparison says in words: nothing that its own tables withhold."""

from collections.abc import Sequence

import attrs
from comparisons import few, row, sample, side_by_side

from cqrs_sim.analysis.architectures import ArchitectureFigures, LagFigures, Measured
from cqrs_sim.report.architectures_page import architectures_html
from cqrs_sim.side_by_side.words import answered, gives_up

ONLY_A_MEDIAN = attrs.evolve(sample(0.002), p90=None, p99=None)


def of_few(name: str, seconds: float) -> ArchitectureFigures:
    times = few(seconds)
    found = row(name, write=times, query=times)
    kinds = tuple(attrs.evolve(kind, response=times) for kind in found.kinds)
    return attrs.evolve(found, kinds=kinds, slowest=LagFigures(read_model="search", lag=times))


def answers(*rows: ArchitectureFigures) -> Sequence[str]:
    return answered(side_by_side(*rows)).answers


def test_what_is_too_few_for_a_median_is_too_few_for_a_ratio() -> None:
    rows = (of_few("crud", 0.004), of_few("simple", 0.001))
    assert answers(*rows) == ("simple has too few values to compare",)
    assert not any("as long" in text or "%" in text for text in gives_up(rows[0], rows))
    html = architectures_html(side_by_side(*rows), {})
    assert "too few" in html
    assert "too few ms" not in html


def test_a_median_is_not_called_an_upper_limit() -> None:
    lag = LagFigures(read_model="search", lag=Measured(sample=ONLY_A_MEDIAN))
    rows = (row("crud"), row("separate", slowest=lag))
    assert gives_up(rows[1], rows)[0] == "reads trail writes by 2.00 ms (p50)"


def test_the_answer_tells_of_invalid_runs_elsewhere() -> None:
    rows = [row("crud"), row("simple")]
    late = [attrs.evolve(one, substrate="sqlite", invalid=("late",)) for one in rows]
    told = answers(*rows, *late)
    assert told[-1] == "on SQLite on this machine 2 of 2 could not be measured"
