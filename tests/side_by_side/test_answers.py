"""What a comparison says in words: nothing that its own tables withhold."""

from collections.abc import Sequence

import attrs
from comparisons import WRONG, few, row, sample, side_by_side

from cqrs_sim.analysis.architectures import ArchitectureFigures, LagFigures, Measured
from cqrs_sim.analysis.makespan import Makespan
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
    found = answered(side_by_side(*rows, *late))
    told = "on SQLite on this machine 2 of 2 could not be measured (crud and simple); of crud: late"
    assert found.elsewhere == (told,)
    assert found.answer.endswith(f"; {told}")
    assert not any("SQLite" in one for one in found.answers)


def test_what_is_wrong_elsewhere_is_told_with_its_substrate() -> None:
    wrong = row("tutorial", substrate="memory", diverged=WRONG)
    failed = row("simple", substrate="memory", failed=("conservation: 1 lost",))
    found = answered(side_by_side(row("crud"), wrong, failed))
    assert found.elsewhere == (
        "in memory on this machine tutorial DIVERGED: it shows 17 of 900 orders wrong",
        "in memory on this machine a check of simple FAILED: conservation: 1 lost",
    )


def fast(name: str, **changes: object) -> ArchitectureFigures:
    """Twice the rate of the others, and half the time."""
    makespan = Makespan(operations=60_000, unfinished=0, makespan_s=10.0)
    times = Measured(sample=sample(0.000_5))
    return row(name, makespan=makespan, query=times, **changes)


def test_what_nothing_keeps_in_order_is_nobodys_measure_even_where_a_run_had_luck() -> None:
    crud, lucky = row("crud"), fast("tutorial", is_unordered=True)
    assert gives_up(crud, (crud, lucky)) == ()
    ordered = fast("simple")
    told = ("queries take 2 x as long as in simple", "simple holds 2 x its rate")
    assert gives_up(crud, (crud, lucky, ordered)) == told


def test_that_a_run_had_luck_is_said_wherever_it_is_told_of() -> None:
    luck = "nothing keeps its order; none was seen wrong in this run"
    saturated = {"saturated": ("projector: too much",)}
    for changes in ({}, saturated, {"invalid": ("late",)}):
        rows = (row("crud"), fast("tutorial", is_unordered=True, **changes))
        assert gives_up(rows[1], rows)[0] == luck
        (told,) = answers(*rows)
        assert told.endswith(f" ({luck})")
    wrong = row("tutorial", is_unordered=True, diverged=WRONG)
    assert luck not in " ".join((*gives_up(wrong, (wrong,)), *answers(row("crud"), wrong)))


def test_an_invalid_row_has_no_times_for_anybody() -> None:
    """What the report cannot read it cannot show."""
    late = row("crud", invalid=("late",), cache_age=Measured(sample=sample(0.1)))
    assert late.slowest is not None
    assert late.cache_age is not None
    shown = [late.write, late.query, late.slowest.lag, late.cache_age]
    shown += [kind.response for kind in late.kinds]
    for measured in shown:
        assert (measured.mean_s, measured.tail, measured.quantile_s("p50")) == (None, None, None)
    assert late.stale_counts is None
    assert late.saturates_at_per_s == 3000.0


def test_in_real_time_a_stop_of_the_machine_makes_no_difference() -> None:
    stopped = Measured(sample=attrs.evolve(sample(0.002), mean=0.024))
    for engine, told in (("virtual", ("writes take 10 x as long as crud's",)), ("wall", ())):
        crud = row("crud", engine=engine, write=Measured(sample=sample(0.002)))
        simple = row("simple", engine=engine, write=stopped)
        found = gives_up(simple, (crud, simple))
        assert tuple(text for text in found if text.startswith("writes take")) == told
    slower = row("simple", engine="wall", write=Measured(sample=sample(0.006)))
    assert "writes take 3 x as long as crud's" in gives_up(slower, (crud, slower))


def test_in_real_time_nobody_tells_microseconds_apart() -> None:
    """What one run takes longer than the next, though both do the same."""
    for engine, told in (("virtual", True), ("wall", False)):
        crud = row("crud", engine=engine, write=Measured(sample=sample(0.000_020)))
        simple = row("simple", engine=engine, write=Measured(sample=sample(0.000_060)))
        assert ("writes take 3 x as long as crud's" in gives_up(simple, (crud, simple))) == told


def test_in_real_time_queries_are_compared_kind_by_kind() -> None:
    """Most of them ask by id, where a join costs little."""
    slow = row("crud", engine="wall")
    kinds = [
        attrs.evolve(kind, response=Measured(sample=sample(seconds)), answered=answered)
        for kind, seconds, answered in zip(
            slow.kinds, (0.000_3, 0.001), (9_000, 1_000), strict=True
        )
    ]
    crud = attrs.evolve(slow, kinds=tuple(kinds))
    quick = [attrs.evolve(kind, response=Measured(sample=sample(0.000_1))) for kind in kinds]
    simple = row("simple", engine="wall", kinds=tuple(quick))
    # 0.9 of 0.3 ms and 0.1 of 1 ms, against 0.1 ms.
    (told,) = answers(crud, simple)
    assert "answers queries 3.7 x as fast as crud" in told
    assert "queries take 3.7 x as long as in simple" in gives_up(crud, (crud, simple))
