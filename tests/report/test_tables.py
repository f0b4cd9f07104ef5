"""Tables: the figures of the summary, and which kind of silence a missing one is."""

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim.analysis.delivery import Witness
from cqrs_sim.analysis.generator import GeneratorHealth, Hiccups, Pacer, Pause, Second
from cqrs_sim.analysis.quantiles import summarise_sample
from cqrs_sim.analysis.staleness import answer_staleness_s
from cqrs_sim.analysis.summary import Summary, summarise
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.plain_text import milliseconds, percent
from cqrs_sim.probe import Outcome, QueryOutcome
from cqrs_sim.report.attempts_table import attempts_table
from cqrs_sim.report.delivery_table import delivery_table
from cqrs_sim.report.evidence import (
    intervals_table,
    pauses_table,
    provenance_table,
    slip_table,
    warm_up_table,
)
from cqrs_sim.report.key_figures import busiest_order, key_figures
from cqrs_sim.report.tables import (
    Table,
    backlog_table,
    commands_table,
    lag_table,
    reads_table,
)

STEADY = make_trace(Plan(seconds=11.0))
OVERLOAD = make_trace(
    Plan(seconds=10.0, drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))
)


def cut(trace: Trace, unseen: int) -> Trace:
    """The same run in which the last read model missed the last events."""
    rows = np.arange(len(trace.deliveries) - unseen)
    return attrs.evolve(trace, deliveries=select(trace.deliveries, rows))


def rows_of(table: Table) -> dict[str, tuple[str, ...]]:
    assert all(len(row.cells) == len(table.head) for row in table.rows)
    return {row.cells[0]: row.cells[1:] for row in table.rows}


def test_the_table_of_deliveries_is_there_where_any_went_wrong() -> None:
    summary = summarise(STEADY)
    assert delivery_table(summary) is None
    witness = Witness(position=1_012, order="order-1", event="order-1#2")
    lossy = attrs.evolve(
        summary.delivery["orders"],
        mode="at_most_once",
        lost=2,
        without_effect=1,
        first_lost=witness,
    )
    found = attrs.evolve(summary, delivery={**summary.delivery, "orders": lossy})
    table = delivery_table(found)
    assert table is not None
    events = f"{len(STEADY.events):,}"
    assert rows_of(table)["orders"] == ("at most once", events, "0", "0", "2", "1")
    assert rows_of(table)["search"] == ("at least once", events, "0", "0", "0", "0")
    assert [row.tone for row in table.rows] == ["bad", ""]
    assert table.notes[1:] == ("The first that orders lost: order-1#2 at position 1,012.",)


def test_the_table_of_attempts_is_there_where_handlers_made_any() -> None:
    summary = summarise(STEADY)
    assert attempts_table(summary) is None
    made = attrs.evolve(
        summary.attempts,
        attempts=1_207, committed=1_000, conflicts=200, rejected=4, repeated=1, open=2,
        retries=190, given_up=10, wasted_share=0.155, lost_updates=1,
        first_lost=Witness(position=1_012, order="order-1", event="order-1#3"),
    )  # fmt: skip
    table = attempts_table(attrs.evolve(summary, attempts=made))
    assert table is not None
    counts = ("1,207", "1,000", "200", "4", "1", "2", "190", "10", "1", "15.5 %")
    assert rows_of(table) == {"all handlers": counts}
    assert [row.tone for row in table.rows] == ["bad"]
    assert "the one before order-1#3 at position 1,012" in table.notes[1]


def test_a_command_that_was_given_up_is_not_said_to_be_refused() -> None:
    summary = summarise(STEADY)
    longest = attrs.evolve(summary.served_response_s, censored=summary.response_s.censored + 5)
    for outcome, told in ((Outcome.CONFLICT, "given up"), (Outcome.REFUSED, "refused")):
        counts = {**summary.commands, outcome: 5}
        found = attrs.evolve(summary, served_response_s=longest, commands=counts)
        names = rows_of(commands_table(found, STEADY, after_ns=0))
        assert f"response, {told} as longest" in names


def test_the_lag_table_holds_the_figures_of_the_summary() -> None:
    summary = summarise(STEADY)
    lag = summary.lag_s["search"]
    figures = [milliseconds(value) for value in (lag.p50, lag.p90, lag.p99)]
    assert rows_of(lag_table(summary))["search"] == (
        *figures,
        "too few",
        milliseconds(lag.max),
        f"{len(STEADY.events):,}",
        "0 %",
    )
    assert any(note.startswith("too few:") for note in lag_table(summary).notes)


def test_a_saturated_read_model_has_bounds_in_place_of_percentiles() -> None:
    table = lag_table(summarise(OVERLOAD))
    rows = rows_of(table)
    assert rows["search"][:5] == ("withheld",) * 5
    assert rows["search"][-1].endswith(" %")
    assert rows["search: bounds"][1].startswith("at least ")
    assert "orders: bounds" not in rows
    assert table.notes[0].startswith("search: percentiles withheld, because it is offered 1.")


def test_what_falls_among_the_censored_is_called_longer() -> None:
    rows = rows_of(lag_table(summarise(cut(STEADY, 400))))
    assert rows["search"][4] == "longer"
    assert rows["orders"][4] != "longer"


def test_parts_of_the_response_are_those_of_accepted_commands() -> None:
    rows = rows_of(commands_table(summarise(STEADY), STEADY, after_ns=0))
    assert rows["response, accepted"][5] == rows["of it service"][5] == f"{len(STEADY.events):,}"
    assert rows["response, all commands"][5] == f"{len(STEADY.commands):,}"
    assert rows["response, queries"][0] == "0"


def test_the_backlog_table_has_every_stage() -> None:
    rows = rows_of(backlog_table(summarise(OVERLOAD)))
    assert list(rows) == ["write side", "orders", "search"]
    unseen = int(np.count_nonzero(np.isnat(OVERLOAD.deliveries_of("search").applied)))
    assert rows["search"][3] == f"{unseen:,}"


def test_reads_are_told_by_kind_and_strategy_in_one_table() -> None:
    summary = summarise(OVERLOAD)
    table = reads_table(summary)
    by_id, statistics = (dict(zip(table.head, row.cells, strict=True)) for row in table.rows)
    assert (by_id["query"], by_id["strategy"]) == ("GetOrderById", "eventual")
    assert (statistics["query"], statistics["versions missing"]) == ("GetOrderStatistics", "-")
    read = summary.reads.rows[0]
    assert (by_id["asked"], by_id["no answer"]) == (f"{read.n:,}", "0")
    assert by_id["stale"] == percent(read.stale, read.answered) != "0 %"
    assert by_id["max age"] == milliseconds(read.age_s.max)
    assert by_id["versions missing"].endswith(f"(max {read.versions_missing_max})")


def test_queries_without_an_answer_are_told_with_the_reason() -> None:
    outcome, answered = OVERLOAD.queries.outcome.copy(), OVERLOAD.queries.answered.copy()
    first, second, third = np.flatnonzero(OVERLOAD.queries.kind == 0)[:3]
    outcome[[first, second]] = QueryOutcome.TIMED_OUT
    outcome[third] = QueryOutcome.REFUSED
    answered[[first, second, third]] = np.timedelta64("NaT", "ns")
    queries = attrs.evolve(OVERLOAD.queries, outcome=outcome, answered=answered)
    table = reads_table(summarise(attrs.evolve(OVERLOAD, queries=queries)))
    by_id = dict(zip(table.head, table.rows[0].cells, strict=True))
    assert by_id["no answer"] == "3"
    asked = np.count_nonzero(queries.kind == 0)
    reasons = "2 timed out, 1 refused by a full mailbox"
    assert table.notes[0] == f"No answer: of {asked:,} GetOrderById, eventual: {reasons}."
    assert by_id["max"] == "longer"


def test_a_run_in_which_no_query_was_answered_has_reads_and_no_staleness() -> None:
    queries = OVERLOAD.queries
    unanswered = attrs.evolve(
        queries,
        outcome=np.full_like(queries.outcome, QueryOutcome.UNFINISHED),
        answered=np.full_like(queries.answered, "NaT"),
    )
    summary = summarise(attrs.evolve(OVERLOAD, queries=unanswered))
    table = reads_table(summary)
    by_id = dict(zip(table.head, table.rows[0].cells, strict=True))
    assert {by_id["stale"], by_id["mean age"], by_id["missed own"]} == {"-"}
    assert not {"Own writes missed", "Stale answers"} & {f.name for f in key_figures(summary)}


def test_the_key_figure_of_staleness_counts_all_answers_where_nobody_read_an_own_write() -> None:
    others = np.full_like(OVERLOAD.queries.session, OVERLOAD.commands.session.max() + 1)
    trace = attrs.evolve(OVERLOAD, queries=attrs.evolve(OVERLOAD.queries, session=others))
    summary = summarise(trace)
    (figure,) = [found for found in key_figures(summary) if found.name == "Stale answers"]
    stale = int(np.count_nonzero(~np.isnan(answer_staleness_s(trace))))
    assert figure.value == percent(stale, summary.queries.answered)


def test_key_figures_name_the_slowest_read_model() -> None:
    figures = {figure.name: figure for figure in key_figures(summarise(STEADY))}
    lag = figures["p99 consistency lag"]
    assert (lag.value, lag.unit) == (milliseconds(summarise(STEADY).lag_s["search"].p99), "ms")
    assert lag.context.startswith("of search")
    assert figures["Never applied"].value == "0"
    assert figures["Checks"].value == "all ok"


def test_key_figures_of_a_saturated_run_withhold_the_lag_and_tell_what_was_never_applied() -> None:
    figures = {figure.name: figure for figure in key_figures(summarise(OVERLOAD))}
    assert figures["Consistency lag"].value == "withheld"
    assert figures["Never applied"].tone == "bad"
    assert figures["Never applied"].context.endswith("events, in search")


def test_the_key_figure_of_the_response_counts_who_was_refused_as_never_served() -> None:
    figures = {figure.name: figure for figure in key_figures(summarise(STEADY))}
    assert "refused" not in figures["p99 response"].context
    outcome = STEADY.commands.outcome.copy()
    outcome[::4] = Outcome.REFUSED
    commands = attrs.evolve(STEADY.commands, outcome=outcome)
    summary = summarise(attrs.evolve(STEADY, commands=commands))
    figures = {figure.name: figure for figure in key_figures(summary)}
    assert figures["p50 response"].value == milliseconds(summary.served_response_s.p50)
    assert figures["p50 response"].context.endswith(" commands, 25 % of them refused")


def test_the_busiest_order_is_named() -> None:
    order = STEADY.commands.order.copy()
    order[: len(order) // 2] = 17
    hot = attrs.evolve(STEADY, commands=attrs.evolve(STEADY.commands, order=order))
    assert busiest_order(hot).startswith("The busiest order, order-17, got 5")
    assert busiest_order(make_trace(Plan(seconds=1.0, rate_per_s=0.0))) == ""


# Evidence.


def health(**changes: object) -> GeneratorHealth:
    slip = summarise_sample(np.full(300, 0.001))
    found = GeneratorHealth(
        slip_s=slip,
        queries_slip_s=summarise_sample(np.zeros(0)),
        offered_per_s=300.0,
        achieved_per_s=297.0,
        achieved_share=0.99,
        worst_second=Second(at_s=3.0, offered=300, achieved_share=0.5),
        pacer=None,
        hiccups=None,
    )
    return attrs.evolve(found, **changes)  # type: ignore[arg-type]  # Whatever a test changes.


def test_slip_is_told_with_what_was_achieved_and_the_worst_second() -> None:
    table = slip_table(health())
    assert list(rows_of(table)) == ["commands"]
    assert rows_of(table)["commands"][:2] == ("1.00", "too few")
    assert "99 % was sent before the load ended" in table.notes[0]
    assert "The worst second began at 3 s: of 300 operations, 50 % were sent" in table.notes[1]
    assert pauses_table(health()) is None


def test_on_the_wall_clock_the_price_of_precision_and_the_pauses_are_told() -> None:
    pause = Pause(at_s=1.5, length_s=0.02, busy_s=0.001)
    seen = Hiccups(period_s=0.001, ticks=1000, late=10, lateness_s=0.1, worst=(pause,))
    pacer = Pacer(spin_share=0.25, idle_share=0.5, lead_s=0.0001)
    notes = slip_table(health(pacer=pacer, hiccups=seen)).notes
    assert any("spun for 25 % of the run; it slept for 50 %" in note for note in notes)
    assert any("late 10 of 1,000 times" in note for note in notes)
    table = pauses_table(health(hiccups=seen))
    assert table is not None
    assert rows_of(table) == {"1.500": ("20.0", "1.00")}


def test_intervals_are_marked_as_those_of_a_single_run() -> None:
    rows = rows_of(intervals_table(summarise(OVERLOAD)))
    assert rows["lag of search"][0] == "withheld: saturated"
    assert rows["lag of orders, mean"][2].endswith("(single run)")
    assert rows["lag of orders, p99"][2].startswith("sectioning")


@pytest.mark.parametrize("trace", [STEADY, OVERLOAD], ids=["steady", "overload"])
def test_the_warm_up_table_has_an_opinion_on_each_measure(trace: Trace) -> None:
    summary: Summary = summarise(trace, warm_up_ns=1_000_000_000)
    table = warm_up_table(summary)
    assert table.caption == "Warm-up: the first 1 s are left out"
    assert list(rows_of(table)) == ["response", "lag of orders", "lag of search"]
    assert all(row.cells[2] for row in table.rows)


def test_provenance_is_flat_and_leaves_lists_out() -> None:
    table = provenance_table({"seed": 3, "machine": {"cpus_count": 2}, "pauses": [1, 2]})
    assert rows_of(table) == {"seed": ("3",), "machine: cpus count": ("2",)}
