"""The check of questions against deliveries finds each fault that is planted, with its witness."""

from functools import cache
from typing import Any

import attrs
import numpy as np
import pytest

from cqrs_sim.analysis.enrichment import check_enrichments, summarise_enrichments
from cqrs_sim.analysis.lag import lag_parts
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.errors import IncompleteTraceError
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.simulation import load_scenario

MOST = {"orders": 2}


@cache
def asked() -> Trace:
    path = "read_models.orders.enrichment"
    keys = [f"{path}.service.mean=1ms", f"{path}.failure=0.3", f"{path}.attempts=2"]
    return algebra.compute(
        load_scenario("default", ["run.duration=2s", "run.warm_up=0s", *keys]), seed=1
    )


def bent(column: str, row: int, value: Any) -> Trace:
    values = getattr(asked().enrichments, column).copy()
    values[row] = value
    return attrs.evolve(asked(), enrichments=attrs.evolve(asked().enrichments, **{column: values}))


def test_questions_as_they_should_be_pass() -> None:
    (check,) = check_enrichments(asked(), MOST)
    assert check.ok
    assert check_enrichments(asked(), {}) == ()


def test_each_planted_fault_is_found_with_its_position() -> None:
    table, deliveries = asked().enrichments, asked().deliveries_of("orders")
    second = int(table.position[1])
    changed = int(asked().events.position[asked().events.version == 2][0])
    before = deliveries.taken[second - asked().first_position] - np.timedelta64(1, "ns")
    untold = int(np.flatnonzero(table.is_told == 0)[0])
    for trace, position, what in (
        (bent("position", 1, changed), changed, "is no new order"),
        (bent("asked", 1, before), second, "before it was taken"),
        (bent("answered", 1, before), second, "before it was asked about"),
        (bent("answered", 0, table.asked[1] + 1), second, "another question was open"),
        (bent("attempts", 1, 3), second, "more than 2 times"),
        (bent("attempts", untold, 1), int(table.position[untold]), "given up before 2 attempts"),
    ):
        (check,) = check_enrichments(trace, MOST)
        assert not check.ok, what
        assert check.detail.startswith(f"orders: position {position} was ")
        assert what in check.detail
        assert position in check.witness


def test_a_new_order_that_is_shown_and_was_not_asked_about_is_found() -> None:
    table = asked().enrichments
    kept = np.arange(len(table)) != 5
    trace = attrs.evolve(asked(), enrichments=select(table, kept))
    (check,) = check_enrichments(trace, MOST)
    assert check.witness == (int(table.position[5]),)
    assert check.detail.endswith("is shown, and nobody had asked about it")
    late = bent("answered", 5, np.timedelta64(asked().ended_ns, "ns"))
    assert not check_enrichments(late, MOST)[0].ok


def test_questions_are_counted_over_the_whole_run() -> None:
    table, (found,) = asked().enrichments, summarise_enrichments(asked()).values()
    assert (found.asked, found.attempts) == (len(table), table.attempts.sum())
    assert found.mean_s == pytest.approx(1e-3 * found.attempts / found.asked)
    assert found.unnamed == np.count_nonzero(table.is_told == 0)
    assert found.first_unnamed is not None
    assert found.first_unnamed.position == table.position[table.is_told == 0][0]


def test_a_row_that_is_not_shown_is_not_shown_without_a_name() -> None:
    """The run ended before."""
    table, deliveries = asked().enrichments, asked().deliveries
    untold = table.position[table.is_told == 0][-1]
    applied = deliveries.applied.copy()
    applied[(deliveries.read_model == 0) & (deliveries.position == untold)] = "NaT"
    trace = attrs.evolve(asked(), deliveries=attrs.evolve(deliveries, applied=applied))
    (one,), (other,) = (summarise_enrichments(t).values() for t in (asked(), trace))
    assert one.unnamed == other.unnamed + 1


def test_only_what_was_asked_before_an_event_is_shown_delays_it() -> None:
    """An event that is delivered again is asked about again; a question that is cut off counts."""
    table, first = asked().enrichments, asked().first_position
    row = int(table.position[1]) - first
    again = asked().deliveries_of("orders").applied[row] + np.timedelta64(7, "ns")
    whole = lag_parts(asked(), "orders").enrichment[row]
    repeated = attrs.evolve(
        table,
        **{
            column: np.append(getattr(table, column), value)
            for column, value in (
                ("read_model", np.int8(0)),
                ("position", table.position[1]),
                ("asked", again),
                ("answered", again + np.timedelta64(9, "ns")),
                ("attempts", np.int8(1)),
                ("is_told", np.int8(1)),
            )
        },
    )
    trace = attrs.evolve(asked(), enrichments=repeated)
    assert lag_parts(trace, "orders").enrichment[row] == whole
    cut = lag_parts(bent("answered", 1, "NaT"), "orders")
    shown = asked().deliveries_of("orders").applied[row]
    assert cut.enrichment[row] == shown - table.asked[1]
    assert np.array_equal(cut.lag, lag_parts(asked(), "orders").lag)


@pytest.mark.parametrize(
    ("column", "value"),
    [("position", 10**9), ("read_model", 7), ("asked", "NaT"), ("attempts", -1), ("is_told", 2)],
)
def test_a_trace_with_questions_about_nothing_is_refused(column: str, value: Any) -> None:
    with pytest.raises(IncompleteTraceError):
        bent(column, -1, value)
