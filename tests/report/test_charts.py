"""The charts of a run: what is drawn is what the trace holds."""

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim.analysis.episodes import Episode
from cqrs_sim.analysis.lag import consistency_lag_s, schedule_slip_s
from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.saturation import StageLoad, stage_loads
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.report.answer_charts import response_chart, stale_chart
from cqrs_sim.report.backlog_charts import backlog_age_chart, backlog_chart
from cqrs_sim.report.chart import Chart
from cqrs_sim.report.lag_charts import lag_time_charts, tail_chart
from cqrs_sim.report.load_charts import rates_chart, slip_chart
from cqrs_sim.report.readings import exact_ms
from cqrs_sim.report.stage_bars import LEAST_WIDTH, ROOM_FOR_TOTALS, stage_bars
from cqrs_sim.report.timeline import Timeline, even_edges, timeline_of
from cqrs_sim.report.visibility_chart import visibility_chart
from cqrs_sim.scenario.parts import Load, Pause, RateSegment, Run, WriteSide
from cqrs_sim.scenario.scenario import Scenario

SECOND = 1_000_000_000
STEADY = make_trace(Plan(seconds=5.0))
OVERLOAD = make_trace(
    Plan(seconds=10.0, drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))
)
EMPTY = make_trace(Plan(seconds=1.0, rate_per_s=0.0))
SCENARIO = Scenario(name="test", run=Run(duration=5 * SECOND, warm_up=SECOND))


def saturated(trace: Trace) -> dict[str, StageLoad]:
    return {load.stage: load for load in stage_loads(trace) if load.is_saturated}


def timeline(trace: Trace) -> Timeline:
    return timeline_of(trace, SCENARIO)


def all_charts(trace: Trace) -> list[Chart]:
    slow, times = saturated(trace), timeline(trace)
    found: list[Chart | None] = [
        visibility_chart(trace, after_ns=0, saturated=slow),
        *lag_time_charts(trace, times, slow),
        tail_chart(trace, after_ns=0, saturated=slow),
        rates_chart(trace, times),
        backlog_chart(trace, times),
        backlog_age_chart(trace, times),
        slip_chart(trace, times),
        response_chart(trace, after_ns=0, is_saturated=False),
        stale_chart(trace, times),
    ]
    return [chart for chart in found if chart is not None]


@pytest.mark.parametrize("trace", [STEADY, OVERLOAD, EMPTY], ids=["steady", "overload", "empty"])
def test_every_chart_of_any_run_can_be_drawn_and_read(trace: Trace) -> None:
    for chart in all_charts(trace):
        rows = list(chart.readings())
        assert len(rows) == len(chart.at) == len(chart.at_texts)
        assert all(0.0 <= row.x <= 1.0 for row in rows)
        assert (np.diff([row.x for row in rows]) >= 0.0).all(), chart.key
        tops = [top for row in rows for top, _ in row.cells if top is not None]
        assert all(0.0 <= top <= chart.height for top in tops), chart.key
        assert "nan" not in "".join(chart.path(series) for series in chart.series)
        assert not any("nan" in text for row in rows for _, text in row.cells)
        assert chart.alternative
        assert chart.x.title
        assert chart.y.title


def test_keys_of_charts_are_unique() -> None:
    keys = [chart.key for chart in all_charts(OVERLOAD)]
    assert len(set(keys)) == len(keys)


# t-visibility.


def test_visibility_is_the_share_of_writes_seen_by_then() -> None:
    chart = visibility_chart(STEADY, after_ns=0, saturated=())
    applied = STEADY.deliveries_of("search").applied
    acknowledged = STEADY.commands.acknowledged[STEADY.events.command]
    needed_ms = np.maximum((applied - acknowledged).astype(np.int64), 0) / 1e6
    search = chart.series[1]
    for row in (0, 60, 120, 200):
        share = np.count_nonzero(needed_ms <= chart.at[row] + 1e-9) / len(needed_ms)
        assert search.values[row] == pytest.approx(100.0 * share)
        assert float(search.texts[row]) == pytest.approx(100.0 * share, abs=1e-4)


def test_of_a_saturated_read_model_only_bounds_are_drawn() -> None:
    chart = visibility_chart(OVERLOAD, after_ns=0, saturated={"search"})
    orders, low, high = chart.series
    assert (orders.name, low.name, high.name) == ("orders", "search, at least", "search, at most")
    assert (low.values <= high.values).all()
    unseen = np.count_nonzero(np.isnan(consistency_lag_s(OVERLOAD, "search")))
    assert low.values[-1] == pytest.approx(100.0 * (1.0 - unseen / len(OVERLOAD.events)))
    assert high.values[-1] == 100.0
    assert len(chart.bands) == 1
    assert any("bounds" in note for note in chart.notes)


# Lag over time.


def test_lag_panels_share_one_scale_and_mark_warm_up_and_saturation() -> None:
    orders, search = lag_time_charts(OVERLOAD, timeline(OVERLOAD), saturated(OVERLOAD))
    assert orders.y == search.y
    assert [span.kind for span in orders.spans] == ["warm-up", "phase", "phase"]
    (mark,) = (span for span in search.spans if span.kind == "saturated")
    assert mark.text.startswith("saturated: offered load 1.")
    assert (mark.start, mark.end) == (1.0, 10.0)


def test_when_a_read_model_was_behind_its_own_panel_is_marked() -> None:
    behind = Episode(
        stage="search", from_s=1.5, until_s=3.0, worst_s=0.75, worst_at_s=2.5,
        still_from_s=1.5, still_s=0.1,
    )  # fmt: skip
    still = attrs.evolve(behind, from_s=4.0, until_s=None)
    orders, search = lag_time_charts(STEADY, timeline(STEADY), {}, (behind, still))
    assert not any(span.kind == "episode" for span in orders.spans)
    marks = [span for span in search.spans if span.kind == "episode"]
    ends = [(span.start, span.end) for span in marks]
    assert ends == [(1.5, 3.0), (4.0, STEADY.load_ended_ns / SECOND)]
    assert marks[0].text == "750 ms behind"


def test_where_most_was_never_applied_the_lag_is_told_as_a_bound() -> None:
    _, search = lag_time_charts(OVERLOAD, timeline(OVERLOAD), saturated(OVERLOAD))
    median, _, bound = search.series
    assert bound.name == "never applied"
    last = np.flatnonzero(~np.isnan(bound.values))[-1]
    assert bound.texts[last].startswith("at least ")
    assert median.texts[last] == "-"
    orders, _ = lag_time_charts(OVERLOAD, timeline(OVERLOAD), saturated(OVERLOAD))
    assert [series.name for series in orders.series] == ["median", "p99"]


def test_load_phases_stand_over_the_time_axis() -> None:
    segments = (
        RateSegment(duration=2 * SECOND, start=300.0, end=300.0),
        RateSegment(duration=SECOND, start=300.0, end=2500.0),
    )
    scenario = Scenario(run=Run(duration=5 * SECOND), load=Load(rate=None, profile=segments))
    spans = [span for span in timeline_of(STEADY, scenario).spans if span.text != "load over"]
    assert [(span.start, span.end, span.text) for span in spans] == [
        (0.0, 2.0, "300/s"),
        (2.0, 5.0, "300 to 2,500/s"),
    ]


def test_pauses_that_the_scenario_asked_for_are_marked() -> None:
    pause = Pause(at=2 * SECOND, duration=SECOND)
    scenario = Scenario(run=Run(duration=5 * SECOND), write_side=WriteSide(pauses=(pause,)))
    (span,) = (span for span in timeline_of(STEADY, scenario).spans if span.kind == "pause")
    assert (span.start, span.end, span.text) == (2.0, 3.0, "write side paused")


# The far tail.


def test_the_tail_is_read_at_exact_quantiles_and_ends_with_the_longest_lag() -> None:
    chart = tail_chart(STEADY, after_ns=0, saturated=())
    lag_s = consistency_lag_s(STEADY, "search")
    expected = quantiles(lag_s, [1.0 - 1.0 / chart.at[50]])
    assert expected[0] is not None
    assert chart.series[1].values[50] == pytest.approx(expected[0] * 1e3)
    assert chart.series[1].texts[-1] == exact_ms(float(lag_s.max()))
    assert chart.at_texts[0] == "p50"
    assert chart.at_texts[-1] == "the longest"


def test_the_tail_marks_where_fewer_than_100_values_are_beyond() -> None:
    chart = tail_chart(STEADY, after_ns=0, saturated=())
    (span,) = chart.spans
    assert span.kind == "thin-data"
    assert span.start == len(STEADY.events) / 100


def test_no_chart_says_a_quantile_that_so_few_values_cannot_carry() -> None:
    def words(seconds: float) -> list[str]:
        trace = make_trace(Plan(seconds=seconds))
        return [
            visibility_chart(trace, after_ns=0, saturated=()).alternative,
            response_chart(trace, after_ns=0, is_saturated=False).alternative,
            tail_chart(trace, after_ns=0, saturated=()).alternative,
        ]

    seen, answered, tail = words(1.5)  # About 1,500 values of each: enough for p90.
    assert "50% within" in seen
    assert "90% within" in seen
    assert "99% within" not in seen
    assert "median" in answered
    assert "p99" not in answered + tail
    assert "longest" in tail
    seen, answered, tail = words(12.0)
    assert "99% within" in seen
    assert "p99 " in answered
    assert "p99 " in tail
    assert "p99.9" not in tail
    seen, answered, tail = words(0.1)
    assert "too few to say" in seen
    assert "too few to name" in answered
    assert "median" not in tail


def test_the_tail_of_a_saturated_read_model_is_withheld_but_for_a_lower_bound() -> None:
    chart = tail_chart(OVERLOAD, after_ns=0, saturated={"search"})
    bound = chart.series[1]
    assert (bound.name, bound.weight) == ("search, at least", "bound")
    assert all(text.startswith("at least ") for text in bound.texts)
    assert any("withheld" in note for note in chart.notes)


def test_a_tail_that_was_cut_off_ends_where_nothing_is_known() -> None:
    unseen = attrs.evolve(
        STEADY, deliveries=select(STEADY.deliveries, np.arange(len(STEADY.deliveries) - 50))
    )
    search = tail_chart(unseen, after_ns=0, saturated=()).series[1]
    assert np.isnan(search.values[-1])
    assert search.texts[-1] == "-"


# Work and answers.


def test_rates_add_up_to_what_was_offered_and_applied() -> None:
    times = timeline(STEADY)
    width_s = np.diff(times.whole_edges_s)
    offered, accepted, orders, _ = rates_chart(STEADY, times).series
    assert (offered.values * width_s).sum() == pytest.approx(len(STEADY.commands))
    assert (accepted.values * width_s).sum() == pytest.approx(len(STEADY.events))
    assert (orders.values * width_s).sum() == pytest.approx(len(STEADY.events))


def test_a_point_of_the_backlog_is_the_most_that_waited_in_its_stretch() -> None:
    """Against a walk through every instant at which anything happened."""
    times = timeline(OVERLOAD)
    chart, ages = backlog_chart(OVERLOAD, times), backlog_age_chart(OVERLOAD, times)
    committed = OVERLOAD.events.committed.astype(np.int64)
    applied = OVERLOAD.deliveries_of("search").applied
    left = np.where(np.isnat(applied), 2**62, applied.astype(np.int64))
    start, end = int(times.whole_edges_s[20] * 1e9), int(times.whole_edges_s[21] * 1e9)
    instants = np.sort(np.concatenate([committed, left, left - 1, [start, end - 1]]))
    instants = instants[(instants >= start) & (instants < end)]
    waiting = [np.count_nonzero((committed <= at) & (left > at)) for at in instants]
    oldest = [at - committed[left > at].min() for at in instants]
    assert chart.series[2].texts[20] == f"{max(waiting):,}"
    assert ages.series[1].values[20] == pytest.approx(max(oldest) / 1e6, abs=1e-5)


def test_the_backlog_in_the_end_is_at_least_what_was_never_applied() -> None:
    search = backlog_chart(OVERLOAD, timeline(OVERLOAD)).series[2]
    unseen = np.count_nonzero(np.isnan(consistency_lag_s(OVERLOAD, "search")))
    assert 0 < unseen <= search.values[-1] < 1.2 * unseen


def test_a_generator_that_kept_its_plan_has_no_chart_of_slips() -> None:
    assert slip_chart(STEADY, timeline(STEADY)) is None


def test_the_worst_slip_is_drawn_where_it_was() -> None:
    commands = STEADY.commands
    submitted = commands.submitted.copy()
    submitted[100] = commands.intended[100] + np.timedelta64(7_000_000, "ns")
    late = attrs.evolve(STEADY, commands=attrs.evolve(commands, submitted=submitted))
    assert np.nanmax(schedule_slip_s(late)) == 0.007
    chart = slip_chart(late, timeline(late))
    assert chart is not None
    (series,) = chart.series
    worst = int(np.nanargmax(series.values))
    assert series.texts[worst] == "7"
    intended_s = commands.intended[100].astype(np.int64) / 1e9
    assert abs(chart.at[worst] - intended_s) <= (chart.at[1] - chart.at[0]) / 2


def test_response_times_of_a_saturated_write_side_are_withheld() -> None:
    open_chart = response_chart(STEADY, after_ns=0, is_saturated=False)
    assert [series.name for series in open_chart.series] == ["commands", "queries"]
    withheld = response_chart(STEADY, after_ns=0, is_saturated=True)
    assert [series.name for series in withheld.series] == ["queries"]
    assert any("withheld" in note for note in withheld.notes)


def test_stale_answers_are_shown_by_kind_of_query() -> None:
    chart = stale_chart(OVERLOAD, timeline(OVERLOAD))
    assert chart is not None
    assert [series.name for series in chart.series] == list(OVERLOAD.query_kinds)
    assert stale_chart(EMPTY, timeline(EMPTY)) is None


# Bins.


def test_bins_begin_and_end_with_phases_and_pauses() -> None:
    edges = even_edges(50.0, 75, [15.0, 10.0, 0.0, 50.0, 32.1])
    assert {0.0, 10.0, 15.0, 32.1, 50.0} <= set(edges.tolist())
    widths = np.diff(edges)
    assert 70 <= len(widths) <= 80
    assert widths.max() < 1.2 * widths.min()


def test_marks_too_near_to_each_other_or_to_the_end_make_no_tiny_bins() -> None:
    edges = even_edges(60.0, 60, [10.0, 10.01, 59.9])
    assert np.diff(edges).min() > 0.5
    assert 10.0 in edges.tolist()


def test_no_rate_is_a_mean_over_a_pause_and_what_follows_it() -> None:
    pause = Pause(at=2 * SECOND, duration=SECOND)
    trace = make_trace(Plan(seconds=5.0))
    kept = (trace.commands.committed < np.timedelta64(2 * SECOND, "ns")) | (
        trace.commands.committed >= np.timedelta64(3 * SECOND, "ns")
    )
    committed = trace.commands.committed.copy()
    committed[~kept] = np.timedelta64("NaT")
    stalled = attrs.evolve(trace, commands=attrs.evolve(trace.commands, committed=committed))
    scenario = attrs.evolve(SCENARIO, write_side=WriteSide(pauses=(pause,)))
    times = timeline_of(stalled, scenario)
    accepted = rates_chart(stalled, times).series[1].values
    is_paused = (times.whole_middle_s > 2.0) & (times.whole_middle_s < 3.0)
    assert (accepted[is_paused] == 0.0).all()
    usual = np.median(accepted[~is_paused])
    beside = np.flatnonzero(np.diff(is_paused.astype(int)))
    # A bin astride an edge would show about half of the usual rate.
    assert accepted[beside[0]] > 0.7 * usual
    assert accepted[beside[1] + 1] > 0.7 * usual


# Intervals over replications.


def test_bars_of_replications_stand_at_their_quantiles_in_every_chart_of_a_distribution() -> None:
    """Mean 4 ms, s = 1 ms, n = 3: 4 +- 4.3027 x 1 / sqrt(3)."""
    values = (0.003, 0.004, 0.005)
    found = Replications(
        seeds=(0, 1, 2),
        values={
            "lag_s.search.p99": values,
            "visibility_s.search.p90": values,
            "response_s.p999": values,
            "queries_s.p50": values,
            "lag_s.orders.p99": (0.003, None, 0.005),
        },
    )
    charts = (
        tail_chart(STEADY, after_ns=0, saturated=(), replications=found),
        visibility_chart(STEADY, after_ns=0, saturated=(), replications=found),
        response_chart(STEADY, after_ns=0, is_saturated=False, replications=found),
    )
    places = [[(one.at, one.is_across) for one in chart.whiskers] for chart in charts]
    rounded = [[(round(at, 6), is_across) for at, is_across in of_chart] for of_chart in places]
    assert rounded == [[(100.0, False)], [(90.0, True)], [(1000.0, False), (2.0, False)]]
    for chart in charts:
        for bar in chart.whiskers:
            assert (bar.low, bar.middle, bar.high) == pytest.approx(
                (4.0 - 2.4841, 4.0, 4.0 + 2.4841), rel=1e-4
            )
        for placed in chart.placed_whiskers():
            assert 0.0 <= placed.low < placed.middle < placed.high <= 1.0
        assert any("intervals of the mean over 3 replications" in note for note in chart.notes)
        assert "4.00 ms (1.52 to 6.48)" in chart.alternative


def test_a_single_run_has_no_bars_and_does_not_speak_of_them() -> None:
    chart = tail_chart(STEADY, after_ns=0, saturated=())
    assert chart.whiskers == ()
    assert not any("replications" in note for note in chart.notes)


def test_an_interval_that_reaches_below_nought_does_not_stretch_the_axis() -> None:
    wild = Replications(seeds=(0, 1), values={"lag_s.search.p99": (0.0001, 0.02)})
    chart = tail_chart(STEADY, after_ns=0, saturated=(), replications=wild)
    (bar,) = chart.whiskers
    assert bar.low < 0.0
    (placed,) = chart.placed_whiskers()
    assert placed.low == 0.0
    assert placed.middle > 0.1


# Stages.


def test_parts_too_short_to_be_seen_are_widened_and_it_is_said() -> None:
    """A millisecond of a minute is drawn, and the bar stays as long as it is."""
    commands = STEADY.commands
    early = attrs.evolve(commands, submitted=commands.submitted - np.timedelta64(60 * SECOND, "ns"))
    bars = stage_bars(attrs.evolve(STEADY, commands=early), after_ns=0, saturated=())
    for bar in bars.bars:
        assert all(
            segment.width >= LEAST_WIDTH or cell == "0"
            for segment, cell in zip(bar.segments, bar.cells[:-1], strict=True)
        )
        assert bar.end == pytest.approx(1.0 / ROOM_FOR_TOTALS, rel=1e-3)
    assert any("widened" in note for note in bars.notes)
    nothing = stage_bars(EMPTY, after_ns=0, saturated=())
    assert not any("widened" in note for note in nothing.notes)


def test_the_parts_of_a_bar_fill_it_and_sum_to_what_is_written_beside_it() -> None:
    bars = stage_bars(STEADY, after_ns=0, saturated=())
    for bar in bars.bars:
        assert bar.end == pytest.approx(sum(segment.width for segment in bar.segments))
        *parts, whole = (float(cell.replace(",", "")) for cell in bar.cells)
        # Each is rounded to a nanosecond.
        assert sum(parts) == pytest.approx(whole, abs=5e-6)
    submitted = STEADY.commands.submitted[STEADY.events.command]
    path = (STEADY.deliveries_of("search").applied - submitted).astype(np.int64).mean() / 1e6
    assert float(bars.bars[1].cells[-1]) == pytest.approx(path, abs=1e-6)


def test_the_bar_of_a_saturated_read_model_does_not_hide_the_others() -> None:
    bars = stage_bars(OVERLOAD, after_ns=0, saturated={"search"})
    orders, search = bars.bars
    assert orders.is_to_scale
    assert orders.end > 0.5
    assert not search.is_to_scale
    assert any("not to scale" in note for note in bars.notes)


def test_a_run_without_events_has_empty_bars() -> None:
    bars = stage_bars(EMPTY, after_ns=0, saturated=())
    assert [bar.total for bar in bars.bars] == ["nothing was applied"] * 2
    assert all(bar.end == 0.0 for bar in bars.bars)


# Words.


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0"),
        (1e-9, "0.000001"),
        (0.0012345, "1.2345"),
        (1.5, "1,500"),
        (float("nan"), "-"),
    ],
)
def test_readings_are_exact_to_the_nanosecond(seconds: float, text: str) -> None:
    assert exact_ms(seconds) == text
