"""What is told of renames, by hand; and the check finds each fault that is planted."""

from functools import partial

import attrs
import numpy as np
import pytest
from renamed_trace import SHOWING, SHOWN, renamed

from cqrs_sim.analysis.metrics import UnknownMetricError, metric
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.analysis.rename_checks import check_renames
from cqrs_sim.analysis.renames import rename_lag_parts, rename_load, summarise_renames
from cqrs_sim.analysis.saturation import stage_loads
from cqrs_sim.analysis.summary import Summary, summarise
from cqrs_sim.measurement.trace import Trace, select

NEVER = np.timedelta64("NaT", "ns")
WHOLE = 1000
"""A deadline that the run does not come to."""


def bent(trace: Trace, table: str, **values: tuple[int, object]) -> Trace:
    """The trace with one value of each of some columns changed: (row, value)."""
    changed = {}
    for column, (row, value) in values.items():
        changed[column] = getattr(getattr(trace, table), column).copy()
        changed[column][row] = value
    return attrs.evolve(trace, **{table: attrs.evolve(getattr(trace, table), **changed)})


def without(trace: Trace, table: str, row: int) -> Trace:
    rows = getattr(trace, table)
    kept = np.arange(len(rows)) != row
    return attrs.evolve(trace, **{table: select(rows, kept)})


def again(trace: Trace, row: int) -> Trace:
    """The trace with one delivery of a rename twice."""
    rows = np.sort(np.append(np.arange(len(trace.rename_deliveries)), row))
    return attrs.evolve(trace, rename_deliveries=select(trace.rename_deliveries, rows))


def summary_of(trace: Trace) -> Summary:
    return summarise(trace, planned=Planned(naming=frozenset(SHOWING)))


# What is told.


def test_response_is_from_the_intention_to_the_commit() -> None:
    found = summarise_renames(renamed(), SHOWING)
    assert found is not None
    assert (found.submitted, found.committed) == (3, 3)
    assert found.response_s.max == 7e-9
    assert found.response_s.mean == pytest.approx(17 / 3 * 1e-9)


def test_the_parts_of_a_lag_sum_to_it_exactly() -> None:
    for name, channel, apply in (
        ("orders", [1, 3, 2], [4, 3, 5]),
        ("search", [2, 1, 5], [1, 6, 2]),
    ):
        parts = rename_lag_parts(renamed(), name)
        assert parts.channel.astype(int).tolist() == channel
        assert parts.apply.astype(int).tolist() == apply
        table, shown = renamed().renames, np.array(SHOWN[name])[:, 1]
        assert np.array_equal(parts.lag.astype(int), shown - table.committed.astype(int))


def test_each_read_model_that_shows_names_is_told_of_with_its_rows() -> None:
    found = summarise_renames(renamed(), SHOWING)
    assert found is not None
    assert list(found.read_models) == ["orders", "search"]
    one = found.read_models["orders"]
    assert (one.applied, one.rows, one.rows_mean) == (3, 11, 11 / 3)
    assert one.lag_s.max == 7e-9
    assert one.lag_s.mean == pytest.approx(6e-9)
    assert one.channel_mean_s == pytest.approx(2e-9)
    assert one.apply_mean_s == pytest.approx(4e-9)


def test_what_comes_before_the_end_of_the_warm_up_is_left_out() -> None:
    found = summarise_renames(renamed(), SHOWING, after_ns=6)
    assert found is not None
    assert (found.submitted, found.response_s.max) == (1, 7e-9)
    # For a read model it is the commit that counts.
    assert [one.applied for one in found.read_models.values()] == [3, 3]
    later = summarise_renames(renamed(), SHOWING, after_ns=8)
    assert later is not None
    assert (later.read_models["orders"].applied, later.read_models["orders"].rows) == (2, 7)


def test_a_rename_that_is_not_shown_is_counted_as_longer_than_all_others() -> None:
    late = bent(renamed(), "rename_deliveries", applied=(5, NEVER), rows=(5, 0))
    found = summarise_renames(late, SHOWING)
    assert found is not None
    one = found.read_models["search"]
    assert (one.applied, one.rows, one.lag_s.censored, one.lag_s.n) == (2, 6, 1, 3)
    assert (one.lag_s.max, one.lag_s.mean, one.channel_mean_s) == (None, None, None)
    assert one.apply_mean_s == pytest.approx(3.5e-9)


def test_the_lag_in_a_saturated_read_model_is_withheld() -> None:
    found = summarise_renames(renamed(), SHOWING, saturated=("search",))
    assert found is not None
    assert found.read_models["orders"].lag_s.mean is not None
    one = found.read_models["search"]
    assert (one.lag_s.mean, one.channel_mean_s, one.rows) == (None, None, 11)


def test_a_run_without_renames_tells_nothing_of_them() -> None:
    silent = attrs.evolve(renamed(), renames=select(renamed().renames, slice(0)))
    silent = attrs.evolve(silent, rename_deliveries=select(renamed().rename_deliveries, slice(0)))
    assert summarise_renames(silent, ()) is None
    assert "renames" not in summarise(silent).to_json()
    assert check_renames(silent, SHOWING, deadline_ns=WHOLE) == ()
    assert rename_load(silent, "orders", 0) == 0.0


def test_metrics_of_renames_go_by_name() -> None:
    summary = summary_of(renamed()).to_json()
    for name, value in (
        ("renames.committed", 3.0),
        ("renames.response.max", 7e-9),
        ("renames.orders.rows", 11.0),
        ("renames.search.lag.max", 7e-9),
        ("renames.search.channel_mean", 8e-9 / 3),
    ):
        assert metric(summary, name).value == pytest.approx(value)
    withheld = metric(summary, "renames.orders.lag.p99")
    assert (withheld.value, withheld.why) == (None, "too few to tell: 3")
    # It is offered as much as it can do.
    withheld = metric(summary, "renames.orders.lag.max")
    assert (withheld.value, withheld.why) == (None, "withheld: orders is saturated")
    with pytest.raises(UnknownMetricError):
        metric(summary, "renames.statistics.rows")


def test_the_work_on_rows_is_a_part_of_the_load_of_a_projector() -> None:
    """Load from 0 to 18: 2 events of 3 ns, and 3 renames of 4 ns each."""
    loads = {load.stage: load.offered_load for load in stage_loads(renamed())}
    assert rename_load(renamed(), "orders", 0) == pytest.approx(12 / 18)
    assert loads["orders"] == pytest.approx((2 * 3 + 12) / 18)
    assert loads["statistics"] == pytest.approx((2 + 1) / 18)


def test_renames_of_the_warm_up_are_no_measure_for_those_behind_it() -> None:
    """From 8 to 18: the last two, of 3 and 5 ns."""
    assert rename_load(renamed(), "orders", 8) == pytest.approx((3 + 5) / 10)


def test_what_rewrites_rows_saturates_at_no_rate_of_events() -> None:
    """How many rows there are is decided by the time that orders were made for, not by a rate."""
    loads = {load.stage: load for load in stage_loads(renamed())}
    assert [name for name, load in loads.items() if load.is_renaming] == ["orders", "search"]
    too_much = attrs.evolve(loads["orders"], offered_load=1.5, reasons=("offered too much",))
    assert (too_much.is_saturated, too_much.saturates_at_per_s) == (True, None)
    assert attrs.evolve(too_much, is_renaming=False).saturates_at_per_s is not None


# The check.


def test_renames_as_they_should_be_pass() -> None:
    (check,) = check_renames(renamed(), SHOWING, deadline_ns=WHOLE)
    assert check.ok
    assert check.detail == (
        "3 renames came once each, in sequence; still waiting at the end: 0 of orders, 0 of search"
    )


@pytest.mark.parametrize("cut", ["applied", "taken", "committed"])
def test_what_waits_when_a_run_is_cut_short_is_counted_and_no_fault(cut: str) -> None:
    open_ = bent(renamed(), "rename_deliveries", applied=(5, NEVER), rows=(5, 0))
    expected = "0 of orders, 1 of search"
    if cut == "taken":
        open_ = without(renamed(), "rename_deliveries", 5)
    elif cut == "committed":
        for row in (5, 2):
            open_ = without(open_, "rename_deliveries", row)
        open_ = bent(open_, "renames", committed=(2, NEVER), position=(2, 0), version=(2, 0))
        expected = "0 of orders, 0 of search"
    for deadline_ns in (None, open_.ended_ns):
        (check,) = check_renames(open_, SHOWING, deadline_ns=deadline_ns)
        assert check.ok, check.detail
        assert check.detail.endswith(expected)
    (check,) = check_renames(open_, SHOWING, deadline_ns=WHOLE)
    assert not check.ok
    assert check.detail == (
        "row 2 was never committed" if cut == "committed" else "search: never showed rename 3"
    )


ONE = np.timedelta64(1, "ns")


@pytest.mark.parametrize(
    ("column", "row", "value", "detail"),
    [
        ("submitted", 1, 4, "row 1 was submitted before it was intended"),
        ("dequeued", 0, 1, "row 0 was dequeued before it was submitted"),
        ("dequeued", 1, NEVER, "row 1 was committed before it was dequeued"),
        ("committed", 1, 4, "row 1 was committed before it was dequeued"),
        ("position", 1, 0, "row 1 is committed, and has no position"),
        ("version", 1, 0, "row 1 is committed, and has no position"),
        ("committed", 1, NEVER, "row 1 is committed, and has no position"),
        ("position", 2, 4, "position 4 stands where 3 is due"),
        ("position", 2, 2, "position 2 stands where 3 is due"),
        ("committed", 1, 6, "position 2 was committed before the one before it"),
        ("version", 2, 1, "position 3 skips a version of its customer, or repeats one"),
        ("version", 2, 3, "position 3 skips a version of its customer, or repeats one"),
        ("version", 1, 2, "position 2 skips a version of its customer, or repeats one"),
        ("dequeued", 2, 6, "position 3 was begun before its customer had done with the one before"),
    ],
)
def test_each_fault_of_the_customers_log_is_found(
    column: str, row: int, value: object, detail: str
) -> None:
    trace = bent(renamed(), "renames", **{column: (row, value)})
    (check,) = check_renames(trace, SHOWING, deadline_ns=WHOLE)
    assert (check.ok, check.detail) == (False, detail)


def test_a_rename_that_overtakes_one_of_its_customer_is_found() -> None:
    """The later of two requests is carried out first."""
    table = renamed().renames
    swapped = table.customer == 7
    columns = {}
    for name in ("dequeued", "committed", "position", "version"):
        columns[name] = getattr(table, name).copy()
        columns[name][swapped] = columns[name][swapped][::-1]
    # So that nothing was dequeued before it was submitted.
    columns["submitted"] = columns["intended"] = np.zeros(3, "m8[ns]")
    trace = attrs.evolve(renamed(), renames=attrs.evolve(table, **columns))
    (check,) = check_renames(trace, SHOWING, deadline_ns=WHOLE)
    assert (check.ok, check.detail) == (False, "position 1 overtook one of its customer")


def test_each_fault_of_a_read_model_is_found() -> None:
    """Rows 0 to 2 are of `orders`, 3 to 5 of `search`."""
    bend = partial(bent, renamed(), "rename_deliveries")
    for trace, detail in (
        (again(renamed(), 4), "search: took rename 2 twice"),
        (bend(position=(5, 9)), "search: took rename 9, which is in no log"),
        (bend(position=(0, 0)), "orders: took rename 0, which is in no log"),
        (without(renamed(), "rename_deliveries", 1), "orders: never took rename 2, and took"),
        (bend(taken=(0, 6)), "orders: took rename 1 before it was committed"),
        (bend(applied=(2, 14)), "orders: showed rename 3 before it was taken"),
        (bend(applied=(0, 13)), "orders: took rename 2 before it had done with the one before"),
        (bend(applied=(3, NEVER)), "search: took rename 2 before it had done with the one before"),
        (bend(applied=(2, 21)), "orders: took rename 3 in the middle of an event"),
        (bend(applied=(5, NEVER)), "search: never showed rename 3"),
        (bend(rows=(2, 3)), "orders: rewrote fewer rows for rename 3 than for the one before of"),
        (bend(rows=(4, -1)), "search: rewrote fewer rows for rename 2"),
    ):
        (check,) = check_renames(trace, SHOWING, deadline_ns=WHOLE)
        assert not check.ok, detail
        assert check.detail.startswith(detail)
    (check,) = check_renames(bend(read_model=(2, 1)), SHOWING)
    assert check.detail == "statistics: shows no names, and was told of rename 3"
    nobody = attrs.evolve(renamed(), renames=select(renamed().renames, slice(0)))
    (check,) = check_renames(nobody, SHOWING, deadline_ns=WHOLE)
    assert check.detail == "orders: took rename 1, which is in no log (and 2 more)"


def test_a_rename_in_the_middle_of_an_event_is_found_whichever_is_the_longer() -> None:
    deliveries = renamed().deliveries
    row = int(np.flatnonzero((deliveries.read_model == 2) & (deliveries.position == 2))[0])
    long = bent(renamed(), "deliveries", taken=(row, 17))
    (check,) = check_renames(long, SHOWING, deadline_ns=WHOLE)
    assert check.detail == "search: took rename 3 in the middle of an event"
    short = bent(renamed(), "deliveries", taken=(row, 19), applied=(row, 19))
    (check,) = check_renames(short, SHOWING, deadline_ns=WHOLE)
    assert check.detail == "search: took rename 3 in the middle of an event"


def test_the_check_does_not_ask_for_events_to_have_come() -> None:
    none = attrs.evolve(renamed(), deliveries=select(renamed().deliveries, slice(0)))
    (check,) = check_renames(none, SHOWING, deadline_ns=WHOLE)
    assert check.ok
