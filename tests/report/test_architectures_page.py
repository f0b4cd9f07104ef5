"""The page of architectures: one file, inert names, the control in every figure."""

import attrs
import pytest
from comparisons import WRONG, row, sample, side_by_side
from pages import CONTROL as STEERING
from pages import HOSTILE, Outline, plain

from cqrs_sim.analysis.architectures import Cost, LagFigures, Measured, Parts, SideBySide
from cqrs_sim.analysis.makespan import Makespan
from cqrs_sim.report.architecture_charts import architecture_charts, parts_charts
from cqrs_sim.report.architecture_tables import (
    architecture_tables,
    bytes_text,
    freshness_table,
    times_table,
)
from cqrs_sim.report.architectures_page import QUESTIONS, architectures_html, sections
from cqrs_sim.side_by_side.words import answered

WORDS = {"modelled": "modelled costs"}


def named(name: str) -> SideBySide:
    """A comparison in which everything that can bear a name bears this one."""
    wrong = attrs.evolve(WRONG, witness=name)
    parts = Parts(actors=(name,), channels=1, hops=1, databases=1, failures=(f"{name} fails",))
    rows = (
        row("crud"),
        row(
            f"{name}1", diverged=wrong, parts=parts, gives_up=(f"{name} is lost",),
            saturated=(f"{name}2",), invalid=(f"{name}3",), failed=(f"{name}4",),
        ),
    )  # fmt: skip
    return side_by_side(
        *rows,
        where=name,
        answers=(f"{name} is the answer",),
        load=name,
        costs=(Cost(name=name, value=name, meaning=name),),
        measured=((name, name),),
        provenance={"machine": {name: name}},
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_inert_text(name: str) -> None:
    """The page has the tags and attributes of one with plain names, and shows names as typed."""
    harmless = Outline(architectures_html(named("a name"), WORDS))
    hostile = Outline(architectures_html(named(name), WORDS))
    assert (hostile.tags, hostile.names) == (harmless.tags, harmless.names)
    for shown in (f"{name} is the answer", f"{name}1", f"{name} is lost", f"{name} fails"):
        assert plain(shown) in plain(hostile.text)


def test_what_could_steer_a_screen_is_escaped() -> None:
    page = architectures_html(named(STEERING), WORDS)
    assert not any(character in page for character in "\u2028\u202e\x1b")


def test_the_page_asks_nobody_for_anything() -> None:
    page = Outline(architectures_html(side_by_side(), WORDS))
    sources = [value for name, value in page.attributes if name in ("src", "href", "action")]
    assert sources == []
    assert any("default-src 'none'" in (value or "") for _, value in page.attributes)


def test_equal_comparisons_give_equal_pages() -> None:
    assert architectures_html(side_by_side(), WORDS) == architectures_html(side_by_side(), WORDS)


def test_every_question_has_its_section_and_one_without_figures_says_why() -> None:
    page = plain(Outline(architectures_html(side_by_side(), WORDS)).text)
    assert all(heading in page for heading in QUESTIONS.values())
    by_key = {section.key: section for section in sections(side_by_side())}
    assert [key for key, section in by_key.items() if not section.charts] == ["stored"]
    assert "kept everything in memory" in by_key["stored"].nothing


def test_every_figure_has_the_control_as_a_row_and_as_a_line_through_all_rows() -> None:
    rows = tuple(attrs.evolve(one, stored_bytes=1_000_000) for one in side_by_side().rows)
    charts = architecture_charts(rows)
    assert [*charts, "parts"] == list(QUESTIONS)
    for chart in (*charts.values(), *parts_charts(rows)):
        assert chart.bars[0].name == "crud"
        assert chart.control is not None
        first = chart.bars[0]
        ends = {round(part.start + part.width, 9) for part in first.segments}
        ends |= {round(mark.at, 9) for mark in first.marks}
        assert round(chart.control.at, 9) in ends


def test_a_row_that_diverged_says_so_in_every_figure_with_count_and_witness_in_the_table() -> None:
    found = side_by_side()
    for chart in architecture_charts(found.rows).values():
        assert chart.bars[1].label == "tutorial: DIVERGED"
        assert (chart.bars[0].tone, chart.bars[1].tone) == ("", "bad")
    page = plain(Outline(architectures_html(found, WORDS)).text)
    assert "tutorial DIVERGED: 17 of 900 orders differ from the log" in page
    assert "orders shows 5 as PENDING; the log says SHIPPED" in page


def test_saturated_percentiles_are_withheld_wherever_they_would_stand() -> None:
    held = Measured(sample=sample(0.002), is_withheld=True)
    behind = row("crud", write=held, saturated=("write side: too much",))
    table = times_table((behind,))
    assert table.rows[0].cells[1:3] == ("withheld", "withheld")
    assert "crud: saturated, percentiles withheld: write side: too much" in table.notes
    (bar,) = architecture_charts((behind,))["write"].bars
    assert bar.total == "withheld: saturated"
    assert bar.cells == ("withheld",) * 3
    assert all(segment.width == 0.0 for segment in bar.segments)


def test_an_invalid_row_shows_no_times_in_table_or_figure_and_draws_no_line() -> None:
    late, simple = row("crud", invalid=("late",), stale_from_cache=3), row("simple")
    times, freshness = times_table((late, simple)), freshness_table((late, simple))
    assert times.rows[0].cells[1:] == ("withheld",) * 4
    assert "crud: INVALID, times withheld: late" in times.notes
    assert freshness.rows[0].cells[1:5] == ("withheld",) * 4
    # Flat out nobody sends too late.
    assert freshness.rows[0].cells[5:] == ("3,000", "1.00", "invalid")
    charts = architecture_charts((late, simple))
    for question in ("write", "query", "lag", "stale"):
        chart = charts[question]
        bar = chart.bars[0]
        assert chart.control is None
        assert bar.total == "withheld: invalid"
        assert set(bar.cells) == {"withheld"}
        assert (bar.marks, bar.end) == ((), 0.0)
    assert charts["rate"].control is not None
    assert charts["write"].ticks
    # An axis along which nothing lies has no numbers to be read.
    assert architecture_charts((late,))["write"].ticks == ()


def test_where_no_row_is_valid_the_section_says_why_it_has_no_figure() -> None:
    late = [attrs.evolve(one, substrate="sqlite", invalid=("late",)) for one in (row("crud"),)]
    by_key = {one.key: one for one in sections(side_by_side(row("crud"), *late))}
    assert by_key["query"].missing == ("sqlite: withheld, since the measurement is invalid.",)
    assert by_key["query"].nothing == ""
    alone = {one.key: one for one in sections(side_by_side(*late))}
    assert alone["query"].nothing == "Withheld, since the measurement is invalid."


def test_what_is_wrong_elsewhere_stands_on_the_first_screen_and_reddens_nothing_else() -> None:
    crud = row("crud")
    late = attrs.evolve(crud, substrate="sqlite", invalid=("late",))
    wrong = row("tutorial", substrate="memory", diverged=WRONG)
    page = architectures_html(answered(side_by_side(crud, wrong, late)), WORDS)
    header = page[page.index("<header") : page.index("</header>")]
    assert '<header class="good">' in header
    told = plain(Outline(header).text)
    assert "on SQLite on this machine 1 of 1 could not be measured (crud); of crud: late." in told
    assert "in memory on this machine tutorial DIVERGED" in told
    # The colour of a line is not that of everything in a header of the same name.
    assert "\np.warning {" in page
    assert "\n.warning" not in page


def test_moving_parts_are_counted_by_kind_and_never_added_up() -> None:
    charts = parts_charts((row("crud"), row("simple")))
    assert [chart.title for chart in charts] == [
        "Databases", "Kinds of actor", "Channels", "Hops to an answer",
    ]  # fmt: skip
    assert [chart.bars[0].total for chart in charts] == ["1", "2", "3", "4"]
    assert len({chart.key for chart in charts}) == 4
    # One scale for all: what is twice as many is twice as long, in any of them.
    widths = [chart.bars[0].end for chart in charts]
    assert widths == pytest.approx([widths[0] * count for count in (1, 2, 3, 4)])


def test_that_nothing_keeps_order_stands_in_table_and_figures() -> None:
    rows = (row("crud"), row("tutorial", is_unordered=True))
    table = freshness_table(rows)
    assert table.rows[1].cells[-1] == "no order"
    told = "tutorial: nothing keeps its order; none was seen wrong in this run"
    assert table.notes == (told,)
    for chart in architecture_charts(rows).values():
        assert chart.bars[1].label == "tutorial: no order"


def test_a_lag_of_exactly_nothing_is_said_to_be_0_however_few_events_there_were() -> None:
    nothing = attrs.evolve(
        sample(0.0, n=5), p50=None, p90=None, p99=None, too_few=("p50", "p90", "p99", "p999")
    )
    lag = LagFigures(read_model="orders", lag=Measured(sample=nothing))
    table = freshness_table((row("crud", slowest=lag),))
    assert table.rows[0].cells[1:3] == ("0", "0")


def test_rates_are_told_as_multiples_of_the_controls_and_unknown_ones_as_unknown() -> None:
    rows = (
        row("crud"),
        row("simple", makespan=Makespan(operations=45_000, unfinished=0, makespan_s=10.0)),
        row("separate", makespan=Makespan(operations=45_000, unfinished=2, makespan_s=10.0)),
    )
    cells = [found.cells[-3:-1] for found in freshness_table(rows).rows]
    assert cells == [("3,000", "1.00"), ("4,500", "1.50"), ("-", "-")]


def test_the_column_of_the_cache_is_there_where_there_is_a_cache() -> None:
    assert "cached" in freshness_table(side_by_side().rows).head
    assert "cached" not in freshness_table((row("crud"),)).head


@pytest.mark.parametrize(
    ("size", "told"),
    [(None, "in memory"), (0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (12_345_678, "12.3 MB")],
)
def test_sizes_have_three_digits_and_a_unit(size: int | None, told: str) -> None:
    assert bytes_text(size) == told


def test_rows_of_every_table_are_as_wide_as_its_head() -> None:
    for table in architecture_tables(side_by_side().rows):
        assert {len(found.cells) for found in table.rows} == {len(table.head)}
