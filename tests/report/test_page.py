"""The page: one file, inert names, reasons for every gap, and a size that does not grow."""

import re
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from pages import CONTROL, HOSTILE, Outline, plain
from traces import Plan, make_trace

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.report.page import report_html, write_report
from cqrs_sim.results import Result
from cqrs_sim.scenario.parts import Run
from cqrs_sim.scenario.scenario import Scenario

SECOND = 1_000_000_000
STEADY = make_trace(Plan(seconds=4.0))
SMALL = make_trace(Plan(seconds=0.4))
OVERLOAD = make_trace(
    Plan(seconds=10.0, drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))
)


def result_of(trace: Trace, name: str = "test", **changes: object) -> Result:
    drain = trace.ended_ns - trace.load_ended_ns
    run = Run(
        duration=max(trace.load_ended_ns, SECOND), warm_up=trace.load_ended_ns // 4, drain=drain
    )
    scenario = Scenario(name=name, description=name, run=run)
    result = Result(trace=trace, scenario=scenario, seed=7, engine="virtual")
    return attrs.evolve(result, **changes)  # type: ignore[arg-type]  # Whatever a test changes.


def named(name: str) -> Result:
    """A run in which everything that can bear a name bears this one."""
    trace = attrs.evolve(
        SMALL,
        order_ids=tuple(f"{name}{number}" for number in range(len(SMALL.order_ids))),
        read_models=(f"{name}1", f"{name}2"),
        query_kinds=(f"{name}3", f"{name}4"),
    )
    check = CheckResult(name=name, ok=False, detail=f"{name} is wrong", witness=(1, 2))
    return result_of(trace, name, extra_checks=(check,), provenance={"machine": {name: name}})


class Summed:
    """A result whose `summary.json` says more."""

    def __init__(self, result: Result, more: Mapping[str, Json]) -> None:
        self.trace, self.scenario, self.summary = result.trace, result.scenario, result.summary
        self.seed, self.engine, self.provenance = result.seed, result.engine, result.provenance
        self.replications = result.replications
        self.rebuild_summaries = result.rebuild_summaries
        self._more = more

    def to_json(self) -> dict[str, Json]:
        return {**self.summary.to_json(), **self._more}


def outline(result: Result) -> Outline:
    return Outline(report_html(result))


@pytest.fixture(scope="module")
def harmless() -> Outline:
    return outline(named("a name"))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_inert_text(name: str, harmless: Outline) -> None:
    """The page has the tags and attributes of one with plain names, and shows the name as typed."""
    hostile = outline(named(name))
    assert (hostile.tags, hostile.names) == (harmless.tags, harmless.names)
    # Scenario, read model, order, check, fact: each of them is shown, as it is.
    for shown in (name, f"{name}1", f"{name}3", f"{name} is wrong"):
        assert plain(shown) in plain(hostile.text)
    assert re.search(re.escape(name) + r"\d+, got", hostile.text)


def test_the_test_above_would_see_a_name_that_is_not_escaped() -> None:
    page = report_html(named("a name"))
    name = HOSTILE[0]
    broken = Outline(page.replace("a name is wrong", f"{name} is wrong"))
    assert broken.tags != Outline(page).tags


def test_what_could_steer_a_screen_is_shown_escaped() -> None:
    check = CheckResult(name="odd", ok=False, detail=f"{CONTROL} is wrong")
    page = report_html(result_of(SMALL, extra_checks=(check,)))
    assert not {"\u2028", "\u202e", "\x1b"} & set(page)
    assert "line\\u2028break \\u202eback \\x1b[2J is wrong" in page


def test_the_policy_names_the_one_style_and_the_one_script_and_allows_nothing_else() -> None:
    page = report_html(result_of(STEADY))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    rules = policy[1].replace("&#39;", "'").split("; ")
    assert rules[0] == "default-src 'none'"
    assert re.fullmatch(r"style-src 'sha256-[A-Za-z0-9+/]+=*'", rules[1])
    assert re.fullmatch(r"script-src 'sha256-[A-Za-z0-9+/]+=*'", rules[2])
    found = Outline(page)
    assert (found.tags["style"], found.tags["script"], found.tags["link"]) == (1, 1, 0)
    assert found.names["style"] == 0, "the policy forbids style attributes"
    assert not [name for name in found.names if name.startswith("on")]


def test_nothing_in_the_page_points_anywhere() -> None:
    found = outline(result_of(STEADY))
    assert not {"src", "href", "action", "srcset", "data"} & set(found.names)
    assert not {"img", "iframe", "link", "object", "embed", "base", "form"} & set(found.tags)


def test_the_verdict_comes_first() -> None:
    page = report_html(result_of(OVERLOAD))
    body = plain(Outline(page[page.index("<body>") :]).text)
    assert body.startswith("cqrs_sim test SATURATED: search (offered load 1.")


def test_withheld_figures_are_explained_and_bounds_shown() -> None:
    text = plain(outline(result_of(OVERLOAD)).text)
    assert "withheld withheld withheld" in text
    assert "percentiles withheld, because it is offered 1." in text
    assert "search: bounds" in text
    assert re.search(r"at least [\d,]+", text)
    assert re.search(r"search: [\d,]+ of [\d,]+ events were not applied when the run ended", text)


def test_a_page_has_every_chart_with_words_and_a_table() -> None:
    found = outline(result_of(OVERLOAD))
    charts = found.tags["figure"]
    assert charts == 10
    assert found.names["aria-live"] == charts
    assert found.attributes.count(("class", "readings")) == charts
    assert found.attributes.count(("role", "application")) == charts
    assert sum(name == "aria-describedby" for name, _ in found.attributes) == charts
    identities = [value for name, value in found.attributes if name == "id"]
    assert len(set(identities)) == len(identities)
    described = {value for name, value in found.attributes if name == "aria-describedby"}
    assert described <= set(identities)


def test_provenance_holds_seed_versions_machine_and_the_scenario_as_toml() -> None:
    text = plain(outline(result_of(STEADY)).text)
    assert "seed 7" in text
    assert "versions: numpy" in text
    assert "machine: platform" in text
    assert "warm-up cut 1 s" in text
    assert '[run] duration = "4s"' in text


def test_thresholds_and_replications_are_shown_where_the_summary_has_them() -> None:
    kept: dict[str, Json] = {
        "expression": "lag.orders.p99 < 50ms",
        "value": 0.0123,
        "unit": "s",
        "ok": True,
    }
    failed = {**kept, "expression": "lag.search.p99 < 1ms", "ok": False, "reason": ""}
    metric: dict[str, Json] = {
        "mean": 0.01,
        "low": 0.009,
        "high": 0.011,
        "n": 10,
        "values": [0.01] * 10,
    }
    document: dict[str, Json] = {
        "aborted": "lag.orders.p99 was 60 ms",
        "thresholds": [kept, failed],
        "replications": {"n": 10, "metrics": {"lag_s.orders.p99": metric}},
    }
    page = plain(Outline(report_html(Summed(result_of(STEADY), document))).text)
    assert "lag.orders.p99 < 50ms 12.3 ms kept" in page
    assert "lag.search.p99 < 1ms 12.3 ms FAILED" in page
    assert "lag_s.orders.p99 10.0 ms 9.00 ms to 11.0 ms" in page
    assert "the first of 10 replications" in page
    assert "A threshold ended this run early: lag.orders.p99 was 60 ms" in page
    assert "Thresholds" not in outline(result_of(STEADY)).text


@pytest.mark.parametrize(
    "trace",
    [
        make_trace(Plan(seconds=1.0, rate_per_s=0.0)),
        make_trace(Plan(seconds=1.0, query_share=0.0)),
        make_trace(Plan(seconds=0.003)),
    ],
    ids=["no events", "no queries", "hardly anything"],
)
def test_a_run_of_next_to_nothing_has_a_page_too(trace: Trace) -> None:
    assert "</html>" in report_html(result_of(trace))


def test_a_longer_run_does_not_make_a_longer_page() -> None:
    """So that a million commands stay far below 3 MB."""
    short, long = (
        len(report_html(result_of(make_trace(Plan(seconds=seconds))))) for seconds in (15.0, 45.0)
    )
    assert long < 1.15 * short < 600_000


def test_equal_results_give_equal_pages() -> None:
    assert report_html(result_of(STEADY)) == report_html(result_of(STEADY))


def test_a_report_replaces_an_earlier_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("earlier", encoding="utf-8")
    write_report(result_of(STEADY), path)
    assert path.read_text(encoding="utf-8") == report_html(result_of(STEADY))
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    precious, path = tmp_path / "precious", tmp_path / "report.html"
    precious.write_text("mine", encoding="utf-8")
    path.symlink_to(precious)
    write_report(result_of(STEADY), path)
    assert precious.read_text(encoding="utf-8") == "mine"
    assert not path.is_symlink()


def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ResultFolderError, match=r"cannot write .*report.html: No such file"):
        write_report(result_of(STEADY), tmp_path / "nowhere" / "report.html")
