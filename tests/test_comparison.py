"""Two results side by side: what is compared, what is refused, and how it is told."""

import html
import json
import re
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim.analysis.findings import Findings, SaturatedStage
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.comparison import Comparison, compare
from cqrs_sim.errors import IncomparableResultsError, InvalidScenarioError
from cqrs_sim.plots.comparison import plot_distributions, plot_shift, write_comparison_figures
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.terminal.comparison import sentence, show_comparison, to_markdown
from cqrs_sim.terminal.screen import Screen

SCENARIO = read_scenario(
    'name = "shop"\n[run]\nduration = "12s"\n[load]\nrate = "1000/s"\n'
    "[read_models.orders]\n[read_models.search]\n"
)
EVIL = "</script><img src=x onerror=alert(1)>|**`\x1b[31m[a](b)"


def single(read_us: int = 500, *, seed: int = 1, seconds: float = 12.0) -> Result:
    plan = Plan(seconds=seconds, read_ns=(("orders", read_us * 1000), ("search", 300_000)))
    return Result(trace=make_trace(plan, seed=seed), scenario=SCENARIO, seed=seed, engine="virtual")


SINGLE = single()


def replicated_result(
    factor: float = 1.0, *, first: int = 0, count: int = 10, is_complete: bool = True
) -> Result:
    """A result whose replications say that every metric is about `factor` times what it was."""
    noise = np.random.default_rng(first).normal(1.0, 0.02, count)  # Common to both of a pair.
    noise *= np.random.default_rng(int(factor * 1000)).normal(1.0, 0.002, count)
    values = {
        name: tuple(None if value is None else float(value * factor * n) for n in noise)
        for name, value in SINGLE.metrics.items()
    }
    replications = Replications(
        seeds=tuple(range(first, first + count)), values=values, is_complete=is_complete
    )
    return attrs.evolve(SINGLE, seed=first, replications=replications)


BEFORE, AFTER = replicated_result(), replicated_result(1.1)
SAME = replicated_result(first=100)


def told(comparison: Comparison, capsys: pytest.CaptureFixture[str], **options: bool) -> str:
    show_comparison(Screen(sys.stdout), comparison, **options)
    return capsys.readouterr().out


def test_the_same_seeds_are_paired_and_a_change_is_found() -> None:
    found = compare(BEFORE, AFTER)
    by_name = {effect.name: effect for effect in found.effects}
    lag = by_name["lag_s.orders.p99"]
    assert (lag.method, lag.n, lag.is_significant) == ("paired", 10, True)
    assert lag.relative_change == pytest.approx(0.1, abs=0.005)
    assert {"response_s.mean", "rates_per_s.accepted", "lag_s.search.p50"} <= set(by_name)
    assert found.passes


def test_other_seeds_of_one_scenario_have_no_significant_change() -> None:
    found = compare(BEFORE, SAME)
    assert {effect.method for effect in found.effects if effect.p is not None} == {"unpaired"}
    assert not found.significant
    assert sentence(found).startswith("no significant change: ")


def test_a_metric_that_neither_has_is_not_shown_and_one_that_b_lacks_is() -> None:
    assert BEFORE.metrics["lag.orders.p999"] is None
    values = {**AFTER.replications.values} if AFTER.replications else {}
    values["lag_s.orders.p99"] = (None, *values["lag_s.orders.p99"][1:])
    assert AFTER.replications is not None
    cut = attrs.evolve(AFTER, replications=attrs.evolve(AFTER.replications, values=values))
    by_name = {effect.name: effect for effect in compare(BEFORE, cut).effects}
    assert "lag_s.orders.p999" not in by_name
    assert by_name["lag_s.orders.p99"].why == "B: withheld in 1 of 10 replications"


def test_a_single_run_is_compared_by_its_own_spread_and_marked_as_weaker() -> None:
    before = single(seed=1, seconds=60.0)
    found = compare(before, single(seed=2, seconds=60.0))
    by_name = {effect.name: effect for effect in found.effects}
    assert by_name["lag_s.orders.p99"].method == "single run"
    assert by_name["lag_s.orders.mean"].method == "single run"
    assert by_name["rates_per_s.accepted"].p is None
    assert sum("weaker evidence" in note for note in found.notes) == 2
    assert not found.significant
    assert compare(before, single(600, seed=2, seconds=60.0)).significant


def test_other_engines_are_refused_unless_asked_for() -> None:
    wall = attrs.evolve(AFTER, engine="wall")
    with pytest.raises(IncomparableResultsError, match="--across-engines"):
        compare(BEFORE, wall)
    assert "engines differ" in compare(BEFORE, wall, across_engines=True).notes[0]


def test_results_without_a_common_metric_are_refused() -> None:
    empty = attrs.evolve(SINGLE, trace=make_trace(Plan(seconds=1.0, rate_per_s=1e-9)))
    with pytest.raises(
        IncomparableResultsError, match="every metric of A and B is 0 or withheld in both"
    ):
        compare(empty, empty)


def test_gates_are_judged_each_for_itself() -> None:
    found = compare(
        BEFORE, AFTER, ["lag.orders.p99 +5%", "lag.orders.p99 +15%", "rates.accepted -1%"]
    )
    assert [gate.ok for gate in found.gates] == [False, True, True]
    assert not found.passes
    assert len(found.gated) == 3
    with pytest.raises(InvalidScenarioError) as caught:
        compare(BEFORE, AFTER, ["lag.order.p99 +5%", "x +1%"])
    assert len(caught.value.mistakes) == 2


def test_what_differs_in_the_scenarios_is_said() -> None:
    slower = read_scenario(
        'name = "shop"\n[run]\nduration = "12s"\n[load]\nrate = "1000/s"\n'
        '[read_models.orders]\nservice = { mean = "2ms" }\n[read_models.search]\n'
    )
    found = compare(BEFORE, attrs.evolve(AFTER, scenario=slower))
    assert found.differences == ("read_models.orders.service.mean: 0s, 2ms",)


def test_results_to_beware_of_are_named() -> None:
    cut = replicated_result(1.1, is_complete=False)
    found = compare(BEFORE, attrs.evolve(cut, provenance={"versions": {"numpy": "1"}}))
    assert "B is incomplete" in found.notes
    assert any(note.startswith("versions differ") for note in found.notes)
    assert (
        "A was ended by a threshold: x" in compare(attrs.evolve(BEFORE, aborted="x"), AFTER).notes
    )


def test_what_holds_in_some_replications_is_said_with_how_many() -> None:
    findings = Findings(
        incorrect=(3, 5),
        failed_checks=("positions",),
        invalid=(4,),
        why_invalid="the generator was late",
        saturated={"orders": SaturatedStage(seeds=(2, 3)), "search": SaturatedStage(seeds=(3, 9))},
    )
    assert AFTER.replications is not None
    found = attrs.evolve(AFTER, replications=attrs.evolve(AFTER.replications, findings=findings))
    comparison = compare(BEFORE, found)
    assert comparison.incorrect == (
        "B is incorrect in 2 of 10 replications: check positions failed",
    )
    assert comparison.invalid == (
        "B is no valid measurement in 1 of 10 replications: the generator was late",
    )
    assert "B is saturated in 3 of 10 replications: orders, search" in comparison.notes
    assert {*comparison.incorrect, *comparison.invalid} <= set(comparison.notes)
    assert compare(BEFORE, AFTER).notes == ()


def test_json_is_plain() -> None:
    found = json.loads(json.dumps(compare(BEFORE, AFTER, ["lag.orders.p99 +5%"]).to_json()))
    effect = next(one for one in found["effects"] if one["metric"] == "lag.orders.p99")
    assert effect["significant"] is True
    assert effect["relative_interval"][0] < effect["relative"] < effect["relative_interval"][1]
    assert found["gates"][0]["ok"] is False
    assert found["a"] == {
        "scenario": "shop", "engine": "virtual", "seed": 0, "replications": 10,
    }  # fmt: skip


def test_replications_without_a_partner_are_said_to_be_left_out() -> None:
    found = compare(replicated_result(count=3), replicated_result(1.1, count=12))
    assert {effect.n for effect in found.effects if effect.method == "paired"} == {3}
    assert found.pairs == (3, 12)
    assert found.notes[0].startswith("paired on 3 of 12 seeds: the other replications of B ")
    assert sentence(found).endswith("tested together (Holm, 5 %), paired on 3 of 12 seeds")
    assert compare(BEFORE, AFTER).pairs is None
    assert compare(BEFORE, SAME).pairs is None
    assert "paired" not in sentence(compare(BEFORE, SAME))


# Text.


def test_the_verdict_comes_first_and_counts_what_was_tested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(compare(BEFORE, AFTER, ["lag.orders.p99 +5%"]), capsys)
    lines = text.splitlines()
    assert lines[0].startswith("1 gate failed; significant change: ")
    assert "tested together (Holm, 5 %)" in lines[0]
    assert lines[1].startswith("gate lag.orders.p99 +5%: FAILED (significantly beyond the margin)")
    (row,) = [line for line in lines if line.startswith("lag.orders.p99 ")]
    assert re.search(r" \+(9\.[5-9]|10\.[0-4]) % ", row)
    assert row.endswith("CHANGED")


def test_a_side_that_says_nothing_is_named_before_any_change() -> None:
    assert AFTER.replications is not None
    replications = AFTER.replications

    def headline(findings: Findings, *missing: str) -> str:
        values = {**replications.values, **dict.fromkeys(missing, (None,) * 10)}
        broken = attrs.evolve(replications, findings=findings, values=values)
        comparison = compare(BEFORE, attrs.evolve(AFTER, replications=broken))
        text = sentence(comparison)
        assert "significant change" in text
        assert to_markdown(comparison).startswith(f"**{text.split(':')[0]}")
        return text

    assert headline(Findings(invalid=(4,), why_invalid="late")).startswith(
        "INVALID: B is no valid measurement in 1 of 10 replications: late; significant change: "
    )
    assert headline(Findings(incorrect=(4,), failed_checks=("order",))).startswith(
        "INCORRECT: B is incorrect in 1 of 10 replications: check order failed; significant "
    )
    saturated = Findings(saturated={"search": SaturatedStage(seeds=(3,))})
    assert headline(saturated, "lag_s.search.p99").startswith(
        "B is saturated in 1 of 10 replications: search; significant change: "
    )
    assert headline(saturated).startswith("significant change: ")


def test_quiet_leaves_the_verdict_and_the_gates(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(compare(BEFORE, SAME, ["lag.orders.p99 +5%"]), capsys, is_quiet=True)
    assert len(text.splitlines()) == 2


def test_equal_values_are_called_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(compare(BEFORE, BEFORE), capsys)
    assert text.startswith("no significant change: ")
    assert all("the same" in line for line in text.splitlines() if line.startswith("lag."))


def test_names_are_inert_in_the_terminal_and_in_markdown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = attrs.evolve(AFTER, scenario=attrs.evolve(SCENARIO, name=EVIL.replace("\x1b", "")))
    found = compare(BEFORE, evil)
    found = attrs.evolve(found, notes=(EVIL,))
    assert "\x1b" not in told(found, capsys)
    text = to_markdown(found)
    assert "\x1b" not in text
    assert not {"<img", "</script>", "[a](b)", "**`"} & set(text.split())
    assert "<" not in text
    assert "&lt;img" in text


def test_markdown_shows_every_character_of_a_name_as_it_is() -> None:
    every = "a_b|[x]*#`\\~@! & <c> &amp; &#95;"
    found = attrs.evolve(compare(BEFORE, AFTER), notes=(every,))
    (line,) = [one for one in to_markdown(found).splitlines() if "beware" in one]
    assert html.unescape(line) == f"- beware: {every}"
    assert not set("_|[]*`\\~@!<>") & set(line)


def test_markdown_is_a_table_with_a_row_a_metric() -> None:
    found = compare(BEFORE, AFTER, ["lag.orders.p99 +5%"])
    lines = to_markdown(found).splitlines()
    assert lines[0].startswith("**1 gate failed")
    rows = [line for line in lines if line.startswith(("| lag", "| r"))]
    assert len(rows) == len(found.effects) + 1
    assert len({line.count("|") for line in rows[1:]}) == 1


# Figures.


def test_figures_of_both_distributions_and_of_the_shift_are_drawn(tmp_path: Path) -> None:
    found = compare(BEFORE, AFTER)
    written = write_comparison_figures(tmp_path, found)
    assert [path.name for path in written] == ["comparison.png", "comparison.svg"]
    again = tmp_path / "again"
    again.mkdir()
    for one, two in zip(written, write_comparison_figures(again, found), strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_the_curves_are_both_samples_and_their_shift() -> None:
    from matplotlib.figure import Figure

    found = compare(single(seed=1, seconds=60.0), single(600, seed=2, seconds=60.0))
    left, right = Figure().subplots(1, 2)
    a, b = plot_distributions(left, found, "orders")
    assert np.all(np.asarray(b.get_xdata())[100:] >= np.asarray(a.get_xdata())[100:])
    curve, *bars = plot_shift(right, found, "orders")
    assert len(bars) == 3
    assert np.nanmin(np.asarray(curve.get_ydata())) > 0.0  # type: ignore[union-attr]
    empty = plot_shift(Figure().subplots(), compare(BEFORE, BEFORE), "orders")
    assert np.allclose(np.asarray(empty[0].get_ydata()), 0.0)  # type: ignore[union-attr]
