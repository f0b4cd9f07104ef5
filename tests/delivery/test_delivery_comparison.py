"""The ways to deliver side by side: what each loses and doubles, in figures and in words."""

import json
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from axes import make_axes
from click.testing import CliRunner

from cqrs_sim import cli
from cqrs_sim.delivery.comparison import DeliveryComparison, DeliveryOutcome, compare_deliveries
from cqrs_sim.delivery.variants import BASE, VARIANTS
from cqrs_sim.plots.delivery import EffectCounts, plot_deliveries, write_deliveries
from cqrs_sim.scenario.units import Rate
from cqrs_sim.terminal.delivery import show_deliveries
from cqrs_sim.terminal.screen import Screen

DOCS = Path(__file__).parent.parent.parent / "docs"
CRASHES = 3


@cache
def compared(seed: int = 1) -> DeliveryComparison:
    return compare_deliveries(crashes=CRASHES, seed=seed)


def outcomes(seed: int = 1) -> dict[str, DeliveryOutcome]:
    return {outcome.variant: outcome for outcome in compared(seed).outcomes}


@pytest.mark.parametrize("seed", [1, 2])
def test_only_what_is_known_to_lose_loses_and_only_what_is_known_to_double_doubles(
    seed: int,
) -> None:
    found = outcomes(seed)
    assert list(found) == [variant.name for variant in VARIANTS]
    assert {name for name, one in found.items() if one.lost} == {
        "dual write, writer crashes",
        "at most once",
    }
    assert {name for name, one in found.items() if one.doubled} == {"at least once, not idempotent"}
    wrong = {name for name, one in found.items() if not one.is_right}
    assert wrong == {name for name, one in found.items() if one.lost or one.doubled}
    assert all(bool(one.first) == bool(one.lost or one.doubled) for one in found.values())


def test_a_dual_write_loses_an_event_a_crash_for_every_reader() -> None:
    found = outcomes()["dual write, writer crashes"]
    assert found.crashes == CRASHES
    # Beside them what came to no row, because the order's creation was lost.
    assert found.lost >= CRASHES * len(BASE.read_models)
    assert found.unknown >= CRASHES
    assert found.refused > 0


def test_what_comes_again_is_the_same_whether_it_is_known_or_not() -> None:
    found = outcomes()
    again = [
        found[name].redelivered
        for name in (
            "at least once, idempotent",
            "at least once, not idempotent",
            "exactly-once effect",
        )
    ]
    assert again[0] == again[1] > 0
    assert max(again) <= 16 * CRASHES * len(BASE.read_models)
    assert found["at least once, idempotent"].skipped == again[0]
    assert found["at least once, not idempotent"].doubled == again[1]
    assert found["at most once"].redelivered == 0


def test_the_same_seed_compares_to_the_same() -> None:
    again = compare_deliveries(crashes=CRASHES, seed=1)
    assert again == compared()
    assert compared(2) != compared()


def test_another_rate_is_another_load() -> None:
    found = compare_deliveries(crashes=1, seed=1, rate_per_s=Rate(200.0))
    assert found.outcomes[0].events == pytest.approx(400, rel=0.2)
    assert "200/s" in found.title


def test_the_table_names_what_is_wrong_and_the_first_of_it() -> None:
    text = StringIO()
    show_deliveries(Screen(text), compared())
    lines = text.getvalue().splitlines()
    rows = [line for line in lines if line.endswith((" yes", " no"))]
    assert [row.split()[-1] for row in rows] == [
        "yes" if outcome.is_right else "no" for outcome in compared().outcomes
    ]
    found = outcomes()["at least once, not idempotent"]
    (told,) = [line for line in lines if line.startswith("at least once, not idempotent: first")]
    assert found.first in told
    assert "revenue" not in told
    assert "listed 2 x for its customer" in told


def test_the_figure_has_two_bars_for_each_way_with_their_counts() -> None:
    ax = make_axes()
    counts = [
        EffectCounts(label="one", lost=0, doubled=12),
        EffectCounts(label="two", lost=3, doubled=0),
    ]
    lost, doubled = plot_deliveries(ax, counts)
    assert [bar.get_width() for bar in lost] == [0, 3]
    assert [bar.get_width() for bar in doubled] == [12, 0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
    assert {text.get_text() for text in ax.texts} == {"0", "3", "12"}


def test_equal_counts_give_equal_files_and_none_at_all_a_figure(tmp_path: Path) -> None:
    counts = [EffectCounts(label="$x$", lost=0, doubled=0)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = write_deliveries(tmp_path / "a", counts, "title $")
    other = write_deliveries(tmp_path / "b", counts, "title $")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_the_verb_writes_what_it_shows_and_the_figure_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(
        cli.main, ["delivery", "-q", "--crashes", "1", "--seed", "3", "--json", "-o", "out"]
    )
    assert ended.exit_code == 0
    found = json.loads(ended.stdout)
    assert found == json.loads((tmp_path / "out" / "delivery.json").read_text())
    assert (found["crashes"], found["seed"]) == (1, 3)
    drawn = (tmp_path / "out" / "delivery.png").read_bytes()
    # Signature and size: the run here is shorter, the drawing is the same.
    assert drawn[:24] == (DOCS / "images" / "delivery.png").read_bytes()[:24]


def test_strict_calls_what_is_wrong_a_failure_and_a_wrong_rate_is_one_line() -> None:
    strict = CliRunner().invoke(cli.main, ["delivery", "-q", "--crashes", "1", "--strict"])
    assert strict.exit_code == 3
    wrong = CliRunner().invoke(cli.main, ["delivery", "--rate", "800"])
    assert wrong.exit_code == 2
    (line,) = wrong.stderr.splitlines()
    assert line.startswith('cqrs-sim: --rate = "800": ')
    assert CliRunner().invoke(cli.main, ["delivery", "--crashes", "0"]).exit_code == 2
