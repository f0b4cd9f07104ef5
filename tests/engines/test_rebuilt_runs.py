"""Read models rebuilt in whole runs: what is recorded, checked, and told of them."""

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np
import pytest
from axes import make_axes
from fakes import MS, SECOND, constant, exponential, scenario

from cqrs_sim import loading, results, simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.rebuilds import (
    Rebuild,
    added_lag_s,
    check_rebuilds,
    rebuilds_from,
    summarise_rebuild,
)
from cqrs_sim.domain.events import Event
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.errors import (
    IncomparableResultsError,
    InvalidScenarioError,
    ResultFolderError,
)
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plots.run import shade_rebuilds
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import (
    Load,
    Pause,
    PlannedRebuild,
    Queries,
    QueryMix,
    ReadModel,
    Run,
    Scenario,
    Service,
    WriteSide,
)
from cqrs_sim.scenario.units import Count, Duration, Rate, Real, Share
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.summary import show_summary
from cqrs_sim.verdict import judge

AT = 600 * MS
LOAD = 'load = { rate = "100/s" }\n'


def planned(at: int = AT, batch: int = 20) -> tuple[PlannedRebuild, ...]:
    return (PlannedRebuild(at=Duration(at), batch=Count(batch)),)


def busy(processors: int = 0, length: int = 2 * SECOND, **model: object) -> Scenario:
    """Reads and writes on two read models of which `orders` is rebuilt."""
    given: dict[str, object] = {"service": exponential(MS), "rebuilds": planned(), **model}
    return scenario(
        run=Run(duration=Duration(length), processors=Count(processors)),
        load=Load(rate=Rate(500.0)),
        queries=Queries(
            share=Share(0.4),
            mix=QueryMix(by_status=Real(1.0), statistics=Real(1.0)),
            service=constant(MS // 10),
        ),
        write_side=WriteSide(service=exponential(MS // 2)),
        read_models={
            "orders": ReadModel(**given),  # type: ignore[arg-type]
            "statistics": ReadModel(service=exponential(MS)),
        },
    )


def without(given: Scenario) -> Scenario:
    models = {n: attrs.evolve(m, rebuilds=()) for n, m in given.read_models.items()}
    return attrs.evolve(given, read_models=models)


def rebuild_of(result: Result) -> Rebuild:
    (rebuild,) = result.rebuilds
    return rebuild


SETTINGS: Mapping[str, dict[str, object]] = {
    "one event at a time": {"rebuilds": planned(batch=1)},
    "all at once": {"rebuilds": planned(batch=10_000)},
    "shared processors": {"processors": 2},
    "checkpoints": {"checkpoint": Duration(2 * MS), "batch": Count(10)},
    "a small channel": {"channel": Count(2)},
    "a long way": {"transport": Duration(50 * MS)},
    "polls": {"poll": Duration(30 * MS), "batch": Count(64)},
    "pauses": {"pauses": (Pause(at=Duration(700 * MS), duration=Duration(200 * MS)),)},
    "pauses and polls": {
        "poll": Duration(30 * MS),
        "batch": Count(64),
        "pauses": (Pause(at=Duration(700 * MS), duration=Duration(200 * MS)),),
    },
    "twice": {"rebuilds": (*planned(200 * MS), *planned(1200 * MS))},
    "a slow live one": {"checkpoint": Duration(3 * MS)},
    "no time at all": {"service": constant(0)},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_switch_loses_and_doubles_nothing_and_no_query_is_ever_wrong(setting: str) -> None:
    result = simulation.run(busy(**SETTINGS[setting]), seed=3)  # type: ignore[arg-type]
    assert [check for check in result.summary.checks if not check.ok] == []
    assert result.rebuilds
    for rebuild in result.rebuilds:
        assert rebuild.switched_ns is not None
        assert rebuild.rows > 100 or rebuild.began_ns < AT
        assert not rebuild.differing
    orders = result.trace.deliveries_of("orders")
    assert not np.isnat(orders.applied).any()
    assert_reads_never_go_back(result.trace)


def assert_reads_never_go_back(trace: Trace) -> None:
    """In the order in which they were answered; and each reflects what was applied by then."""
    queries = trace.queries
    for number, name in enumerate(trace.read_models):
        rows = np.flatnonzero((queries.read_model == number) & ~np.isnat(queries.answered))
        rows = rows[np.lexsort((queries.position[rows], queries.answered[rows]))]
        assert len(rows) > 20
        assert (np.diff(queries.position[rows]) >= 0).all()
        applied = trace.deliveries_of(name).applied
        shown = np.searchsorted(applied, queries.answered[rows], side="right")
        before = np.searchsorted(applied, queries.answered[rows], side="left")
        count = queries.position[rows] - trace.first_position + 1
        assert (count <= shown).all()
        assert (count >= before).all()


def test_two_runs_of_a_seed_are_equal_and_the_live_draws_do_not_shift() -> None:
    given = busy()
    first, second = (virtual.run(given, seed=5).trace for _ in range(2))
    control = virtual.run(without(given), seed=5).trace
    for name, column in first.to_arrays().items():
        np.testing.assert_array_equal(column, second.to_arrays()[name])
    # Nothing but the rebuilt read model's own rows differ, and these from the switch on.
    mine, theirs = (trace.deliveries_of("statistics").applied for trace in (first, control))
    np.testing.assert_array_equal(mine, theirs)
    rebuild = rebuild_of(virtual.run(given, seed=5))
    assert rebuild.switched_ns is not None
    mine, theirs = (trace.deliveries_of("orders").applied for trace in (first, control))
    early = theirs.astype(np.int64) < rebuild.switched_ns
    assert early.sum() > 250
    np.testing.assert_array_equal(mine[early], theirs[early])
    # Once both are idle they are the same again.
    assert mine[-1] == theirs[-1]


def test_a_run_that_ends_during_a_rebuild_drops_it_and_says_so() -> None:
    given = busy(rebuilds=planned(at=1900 * MS))
    result = simulation.run(given, seed=1)
    rebuild = rebuild_of(result)
    assert rebuild.switched_ns is None
    assert 0 < rebuild.events < len(result.trace.events)
    control = simulation.run(without(given), seed=1).trace
    np.testing.assert_array_equal(result.trace.deliveries.applied, control.deliveries.applied)
    (told,) = result.rebuild_summaries
    written = told.to_json()
    assert (written["switched_s"], written["catch_up_s"]) == (None, None)
    assert "rebuild" not in {check.name for check in result.summary.checks}


def test_a_rebuild_planned_after_the_end_never_begins() -> None:
    assert simulation.run(busy(rebuilds=planned(at=100 * SECOND))).rebuilds == ()


def test_a_rebuild_may_end_while_another_read_model_is_still_drained() -> None:
    given = busy(rebuilds=planned(at=1900 * MS, batch=1000), service=exponential(MS // 2))
    slow = ReadModel(service=exponential(5 * MS))
    given = attrs.evolve(given, read_models={**given.read_models, "statistics": slow})
    result = simulation.run(given, seed=1)
    rebuild = rebuild_of(result)
    assert rebuild.switched_ns is not None
    assert rebuild.switched_ns > 2 * SECOND
    assert [check for check in result.summary.checks if not check.ok] == []


class OneTooFew(OrdersReadModel):
    """Shows the two hundredth order with a total that is a cent too low."""

    def apply(self, event: Event) -> None:
        super().apply(event)
        if event.position == 200:
            self.rows[event.order_id].total_cents -= 1  # type: ignore[assignment]


def test_a_rebuilt_read_model_that_is_wrong_by_a_cent_fails_the_check() -> None:
    experiment = Experiment(busy(), 2, VirtualClock())
    sites = experiment.system.rebuilds._sites
    sites["orders"] = attrs.evolve(sites["orders"], new_model=OneTooFew)
    virtual.run_experiment(experiment)
    result = experiment.result("virtual")
    assert rebuild_of(result).differing == 1
    failed = {check.name: check for check in result.summary.checks if not check.ok}
    assert set(failed) == {"rebuild", "convergence"}
    order = experiment.system.log.events[199].order_id
    assert f"table 1['{order}']" in failed["rebuild"].detail
    assert judge(result.summary).tone == "bad"


def test_on_the_wall_clock_the_two_are_compared_when_the_run_is_over() -> None:
    real = Service(distribution="real")
    given = scenario(
        run=Run(duration=Duration(150 * MS)),
        load=Load(rate=Rate(2000.0)),
        read_models={"orders": ReadModel(service=real, rebuilds=planned(at=50 * MS))},
    )
    result = simulation.run(given, engine="wall", seed=1)
    rebuild = rebuild_of(result)
    assert rebuild.switched_ns is not None
    assert rebuild.rows > 50
    assert [check for check in result.summary.checks if not check.ok] == []
    assert "rebuild" in {check.name for check in result.summary.checks}


def test_without_a_rebuild_there_is_no_such_check() -> None:
    assert check_rebuilds(()) == ()
    result = simulation.run(without(busy()))
    assert "rebuild" not in {check.name for check in result.summary.checks}
    assert result.to_json()["rebuilds"] == []


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A result with a rebuild, and the folder that it was written to; not to be changed."""
    result = simulation.run(busy(length=SECOND, processors=2, rebuilds=planned(at=400 * MS)))
    folder = tmp_path_factory.mktemp("rebuilt") / "result"
    results.write_result(result, folder)
    return result, folder


def test_a_result_keeps_its_rebuilds_when_it_is_loaded(written: tuple[Result, Path]) -> None:
    result, folder = written
    loaded = loading.load(folder)
    assert loaded.rebuilds == result.rebuilds
    assert loaded.to_json() == json.loads(json.dumps(result.to_json()))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch": -1}, "rebuilds[0].batch must be a whole number"),
        ({"events": True}, "rebuilds[0].events must be a whole number"),
        ({"began_s": "soon"}, "rebuilds[0].began_s must be a number of seconds"),
        ({"switched_s": 1e300}, "rebuilds[0].switched_s must be from 0 to 2,592,000 s"),
        ({"read_model": 3}, "rebuilds[0].read_model must be a name"),
        ({"read_model": "x"}, 'rebuilds: "x" is no read model of it'),
        ({"witness": [1]}, "rebuilds[0].witness must be a list of texts"),
        ("all", "rebuilds must be a list"),
        (["all"], "rebuilds[0] must be a table"),
    ],
)
def test_a_damaged_list_of_rebuilds_is_refused(
    written: tuple[Result, Path], tmp_path: Path, changed: object, message: str
) -> None:
    for name in (results.SUMMARY, results.SCENARIO, results.TRACE):
        shutil.copy(written[1] / name, tmp_path)
    path = tmp_path / results.SUMMARY
    summary = json.loads(path.read_text())
    if isinstance(changed, dict):
        summary["rebuilds"][0].update(changed)
    else:
        summary["rebuilds"] = changed
    path.write_text(json.dumps(summary))
    with pytest.raises(ResultFolderError) as caught:
        loading.load(tmp_path)
    assert message in str(caught.value)


def test_a_summary_from_before_there_were_rebuilds_has_none() -> None:
    assert rebuilds_from([]) == ()


# What it took, and what it cost.


def test_the_catch_up_is_measured_and_its_rate() -> None:
    result = simulation.run(busy(service=constant(MS)))
    rebuild = rebuild_of(result)
    (told,) = result.rebuild_summaries
    assert rebuild.switched_ns is not None
    took_s = (rebuild.switched_ns - AT) / 1e9
    assert told.catch_up_s == pytest.approx(took_s)
    # One a millisecond, each of them once.
    assert told.events_per_s == pytest.approx(1000.0)
    assert rebuild.events == pytest.approx(took_s * 1000)
    phases = told.lag_s["orders"]
    sizes = phases.before.n + phases.during.n + phases.after.n
    assert sizes == len(result.trace.events)


def test_on_shared_processors_the_lag_is_longer_while_it_lasts() -> None:
    """Of the same commands, in a run that differs by the rebuild alone."""
    given = busy(processors=2, length=4 * SECOND)
    with_, control = (simulation.run(s, seed=7) for s in (given, without(given)))
    rebuild = rebuild_of(with_)
    ended_ns = rebuild.ended_ns(with_.trace)
    for name in ("orders", "statistics"):
        during = added_lag_s(with_.trace, control.trace, name, (AT, ended_ns))
        before = added_lag_s(with_.trace, control.trace, name, (0, AT - 100 * MS))
        assert len(during) > 100
        assert during.mean() > 0.0002
        assert not before.any()
    (told,) = with_.rebuild_summaries
    mean_of = {
        phase: getattr(told.lag_s["statistics"], phase).mean for phase in ("before", "during")
    }
    assert mean_of["during"] > mean_of["before"]


def test_other_loads_are_not_compared() -> None:
    one, other = (simulation.run(busy(), seed=seed).trace for seed in (1, 2))
    with pytest.raises(IncomparableResultsError, match="did not send the same commands"):
        added_lag_s(one, other, "orders", (0, SECOND))


def test_of_a_saturated_read_model_the_counts_are_told_only() -> None:
    trace = simulation.run(busy()).trace
    rebuild = Rebuild(
        read_model="orders", batch=1, began_ns=AT, switched_ns=None, events=5, shown=0
    )
    told = summarise_rebuild(trace, rebuild, saturated={"orders"})
    assert told.lag_s["orders"].before.mean is None
    assert told.lag_s["orders"].before.n > 100
    assert told.lag_s["statistics"].before.mean is not None


# The keys.


def test_rebuilds_are_read_and_written() -> None:
    text = LOAD + '[[read_models.orders.rebuilds]]\nat = "10s"\nbatch = 7\n'
    given = read_scenario(text)
    assert given.read_models["orders"].rebuilds == planned(10 * SECOND, 7)
    assert read_scenario(to_toml(given)) == given


@pytest.mark.parametrize(
    ("rebuilds", "message"),
    [
        ('"10s"', 'read_models.orders.rebuilds = "10s": must be a list such as [{ at = "10s" }]'),
        ("[{}]", "read_models.orders.rebuilds[0].at: is missing"),
        ('[{ at = "-1s" }]', 'read_models.orders.rebuilds[0].at = "-1s"'),
        ('[{ at = "1s", batch = 0 }]', "read_models.orders.rebuilds[0].batch = 0: must be from 1"),
        ('[{ at = "1s", bach = 3 }]', "read_models.orders.rebuilds[0].bach: unknown key"),
        (
            '[{ at = "2s" }, { at = "2s" }]',
            (
                'read_models.orders.rebuilds[1].at = "2s": must be after the rebuild above it, '
                "which begins at 2s"
            ),
        ),
    ],
)
def test_a_wrong_rebuild_is_refused_with_its_key(rebuilds: str, message: str) -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(f"{LOAD}read_models.orders.rebuilds = {rebuilds}")
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(message)


def test_the_algebra_refuses_every_rebuild_by_its_key() -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        algebra.run(busy())
    assert caught.value.mistakes == (
        (
            'read_models.orders.rebuilds[0].at = "600ms": a switch waits for the faster projector, '
            "which the algebra engine cannot do; virtual can"
        ),
    )


# What a reader sees of it.


def test_the_rebuild_is_told_at_the_end_of_a_run(written: tuple[Result, Path]) -> None:
    result, folder = written
    (told,) = result.rebuild_summaries
    shown = said(result)
    assert "rebuild of orders from 0.4 s: switched at" in shown
    assert f"after {told.rebuild.events:,} events" in shown
    page = (folder / results.REPORT).read_text("utf-8")
    assert "orders rebuilt from 0.4 s, switched at" in page
    assert '<rect class="span rebuild"' in page
    figure = (folder / results.FIGURES / "lag_over_time.svg").read_text("utf-8")
    assert "orders rebuilt" in figure


def test_a_dropped_rebuild_and_one_that_never_began_are_told_too() -> None:
    late = (*planned(at=1900 * MS), *planned(at=100 * SECOND))
    result = simulation.run(busy(rebuilds=late), seed=1)
    shown = " ".join(said(result).split())
    assert "rebuild of orders from 1.9 s: dropped, the run ended when" in shown
    assert "rebuilds planned that did not begin before the end: 1" in shown


def test_the_band_of_a_figure_reaches_from_the_beginning_to_the_switch() -> None:
    result = simulation.run(busy())
    start_s, end_s = rebuild_of(result).span_s(result.trace)
    (band,) = shade_rebuilds(make_axes(), result.trace, result.rebuilds)
    assert (band.get_x(), band.get_width()) == pytest.approx((start_s, end_s - start_s))


def said(result: Result) -> str:
    out = io.StringIO()
    show_summary(Screen(out), result)
    return out.getvalue()


@pytest.mark.parametrize("projection", ["inline", "task"])
def test_what_has_no_projector_cannot_be_rebuilt_beside_itself(projection: str) -> None:
    text = f'[read_models.orders]\nprojection = "{projection}"\nrebuilds = [{{ at = "1s" }}]\n'
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(LOAD + text)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("read_models.orders.rebuilds: belongs to a projector, but")
