"""The crossover, the work that is timed, and a small measurement from end to end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored import QUICK

from benchmarks import query_cost as benchmark
from benchmarks import stored_read_models
from cqrs_sim.domain.queries import QUERY_TYPES, GetOrdersByStatus
from cqrs_sim.query_cost.crossover import Crossover, cost_per_operation, crossover
from cqrs_sim.query_cost.forms import FORMS, Form
from cqrs_sim.query_cost.measurement import answered_differently, shares_of
from cqrs_sim.query_cost.result import FormCosts, Measured, QueryCost, Settings
from cqrs_sim.query_cost.work import KINDS, Stock, make_stock, questions
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.statistics import StatisticsReadModel
from cqrs_sim.tables.connection import transaction

SMALL = Settings(
    orders=60, rounds=2, writes=10, reads=(5, 5, 5, 5), read_shares=(0.5, 1.0), operations=20
)
COSTS = st.floats(0.1, 1000.0)


@pytest.mark.parametrize(
    ("write_extra", "read_gain", "verdict", "share"),
    [
        (30.0, 10.0, "above", 0.75),
        (10.0, 30.0, "above", 0.25),
        (-10.0, -30.0, "below", 0.25),
        (10.0, -1.0, "never", None),
        (10.0, 0.0, "never", None),
        (0.0, -1.0, "never", None),
        (0.0, 0.0, "never", None),
        (-10.0, 1.0, "always", None),
        (0.0, 1.0, "always", None),
        (-10.0, 0.0, "always", None),
    ],
)
def test_the_crossover_is_where_dearer_writes_and_cheaper_reads_even_out(
    write_extra: float, read_gain: float, verdict: str, share: float | None
) -> None:
    found = crossover(write_extra, read_gain)
    assert (found.verdict, found.read_share) == (verdict, share)


@given(COSTS, COSTS, COSTS, COSTS, st.floats(0.001, 0.999))
def test_the_verdict_is_that_of_the_costs_at_any_share_of_reads(
    write_n: float, read_n: float, write_d: float, read_d: float, share: float
) -> None:
    found = crossover(write_d - write_n, read_n - read_d)
    gain = cost_per_operation(write_n, read_n, share) - cost_per_operation(write_d, read_d, share)
    if abs(gain) < 1e-9:
        return
    pays = {
        "always": True,
        "never": False,
        "above": share > (found.read_share or 0.0),
        "below": share < (found.read_share or 0.0),
    }
    assert (gain > 0.0) == pays[found.verdict]


@pytest.fixture
def stock() -> Stock:
    return make_stock(60, 40, 1)


@pytest.fixture
def forms(tmp_path: Path, stock: Stock) -> Iterator[list[Form]]:
    made = [Form(name, tmp_path / f"{name}.db", QUICK) for name in FORMS]
    for form in made:
        form.fill(stock.events)
    yield made
    for form in made:
        form.close()


def test_a_stock_is_drawn_from_its_seed(stock: Stock) -> None:
    assert make_stock(60, 40, 1) == stock
    assert make_stock(60, 40, 2) != stock
    assert (len(stock.orders), len(stock.commands)) == (60, 40)
    assert {event.order_id for event in stock.events} == set(stock.orders)


@pytest.mark.parametrize("kind", range(4), ids=KINDS)
def test_questions_of_a_kind_are_of_that_kind(kind: int, stock: Stock) -> None:
    asked = questions(stock, kind, 10, 1)
    assert {type(query) for query in asked} == {QUERY_TYPES[kind]}
    assert asked == questions(stock, kind, 10, 1) != questions(stock, kind, 10, 2)


def test_every_status_is_asked_for_equally_often(stock: Stock) -> None:
    asked = [
        query.status for query in questions(stock, 2, 20, 1) if isinstance(query, GetOrdersByStatus)
    ]
    assert {asked.count(status) for status in asked} == {4}
    assert len(set(asked)) == 5


@given(st.integers(0, 500), st.lists(st.floats(0.0, 9.0), min_size=4, max_size=4))
def test_a_count_is_split_by_weights(count: int, weights: list[float]) -> None:
    if sum(weights) < 1e-6:
        return
    parts = shares_of(count, weights)
    assert sum(parts) == count
    wanted = [count * weight / sum(weights) for weight in weights]
    assert all(abs(part - share) <= 1.0 + 1e-6 for part, share in zip(parts, wanted, strict=True))


def test_both_forms_answer_the_same_before_and_after_the_commands(
    forms: list[Form], stock: Stock
) -> None:
    assert answered_differently(forms, stock) == ()
    for form in forms:
        for command, cause in stock.commands:
            form.execute(command, cause)
    assert answered_differently(forms, stock) == ()


def test_a_row_that_only_one_form_changed_is_noticed(forms: list[Form], stock: Stock) -> None:
    denormalised = forms[1]
    with transaction(denormalised._writer):
        denormalised._writer.execute("UPDATE order_rows SET customer_name = 'Eve' WHERE rowid = 1")
    assert answered_differently(forms, stock)


def test_what_one_form_missed_is_noticed(forms: list[Form], stock: Stock) -> None:
    forms[0].execute(*stock.commands[0])
    assert answered_differently(forms, stock)


def fixed(write: float, *reads: float, mixed: float = 1.0) -> FormCosts:
    return FormCosts(
        Measured((write, write, 9.0 * write)),
        tuple(Measured((read, read, 9.0 * read)) for read in reads),
        (Measured((mixed, mixed, mixed)),),
        4096,
    )


FOUND = QueryCost(
    Settings(rounds=3, read_shares=(0.5,), weights=(1.0, 1.0, 0.0, 0.0)),
    fixed(100.0, 20.0, 200.0, 400.0, 10.0, mixed=105.0),
    fixed(190.0, 10.0, 50.0, 100.0, 10.0, mixed=88.0),
    "3.0",
)


def test_crossovers_follow_from_medians_of_the_rounds() -> None:
    meetings = FOUND.meetings()
    assert {name: found.of_medians for name, found in meetings.items()} == {
        "by_id": Crossover("above", 0.9),
        "by_customer": Crossover("above", 90.0 / 240.0),
        "by_status": Crossover("above", 90.0 / 390.0),
        "statistics": Crossover("never", None),
        "mix": Crossover("above", 90.0 / 170.0),
    }
    assert meetings["by_id"].quartiles == pytest.approx((0.9, 0.9))
    assert meetings["statistics"].quartiles is None


def test_rounds_that_pay_always_or_never_stretch_the_spread() -> None:
    """The rounds: r* = 0.9; never, as nothing is gained; always, as writes cost no more."""
    normalised, denormalised = (
        FormCosts(Measured(writes), (Measured(reads),) * 4, (), 0)
        for writes, reads in (
            ((100.0, 100.0, 100.0), (20.0, 20.0, 20.0)),
            ((190.0, 190.0, 100.0), (10.0, 20.0, 10.0)),
        )
    )
    found = QueryCost(Settings(), normalised, denormalised, "3.0").meeting((1.0, 0.0, 0.0, 0.0))
    assert found.of_medians == Crossover("above", 0.9)
    assert found.quartiles == pytest.approx((0.45, 0.95))


def test_mixed_runs_are_held_to_the_lines() -> None:
    """The line at half reads: 105 and 110; the denormalised run took 88."""
    assert FOUND.line_us("normalised", 0.5) == 105.0
    assert FOUND.line_us("denormalised", 0.5) == 110.0
    assert FOUND.largest_deviation() == pytest.approx(-0.2)


def test_a_small_measurement_fills_everything(tmp_path: Path) -> None:
    found = benchmark.run(SMALL)
    report = json.loads(json.dumps(found.to_json()))
    assert report["ok"]
    assert set(report["forms"]) == set(FORMS)
    for form in FORMS:
        costs = report["forms"][form]
        assert costs["write_us"]["lower_quartile"] > 0.0
        assert [run["read_share"] for run in costs["mixed"]] == [0.5, 1.0]
        assert set(costs["read_us"]) == set(KINDS)
    assert (
        report["forms"]["denormalised"]["size_bytes"] > report["forms"]["normalised"]["size_bytes"]
    )
    told = benchmark.table(found)
    assert all(name in told for name in ("write", *KINDS, "mix", "size"))
    assert set(report["crossovers"]) == {*KINDS, "mix"}


def test_the_program_prints_one_line_of_json_and_draws_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "run", lambda _: FOUND)
    monkeypatch.setattr(
        "sys.argv", ["query_cost", "--orders", "60", "--json", "--figure", str(tmp_path)]
    )
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert ended.value.code == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == json.loads(json.dumps(FOUND.to_json()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["query_cost.png", "query_cost.svg"]


def test_the_program_fails_if_the_forms_disagree(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    differing = (GetOrdersByStatus("PENDING"),)
    wrong = QueryCost(FOUND.settings, FOUND.normalised, FOUND.denormalised, "3.0", differing)
    monkeypatch.setattr(benchmark, "run", lambda _: wrong)
    monkeypatch.setattr("sys.argv", ["query_cost", "--json"])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert report["answered_differently"] == [str(differing[0])]
    assert not report["ok"]


def test_the_benchmark_of_stored_read_models_holds_them_against_those_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = stored_read_models.run(30)
    assert report["ok"]
    assert len(report["us_per_event"]) == 3 * 2 * 3
    assert set(report["us_per_answer"]) == set(KINDS)
    monkeypatch.setattr(stored_read_models, "MODELS", ((OrderTables, StatisticsReadModel),))
    assert not stored_read_models.run(30)["ok"]
