"""From stage times to a scenario, and from two sets of runs to a verdict. No clock is read here."""

import json
from pathlib import Path

import attrs
import pytest

from cqrs_sim import simulation
from cqrs_sim.calibration import measuring, stages
from cqrs_sim.calibration.calibrate import Calibration, Plan
from cqrs_sim.calibration.folder import page_html, scenario_text, write_calibration
from cqrs_sim.calibration.measuring import at_rate, first_of, real_scenario
from cqrs_sim.calibration.model import calibrated, toml_of
from cqrs_sim.calibration.prediction import AtRate, RunFigures, figures_of
from cqrs_sim.calibration.stages import Stages, StageTime
from cqrs_sim.calibration.words import verdict
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.errors import InvalidScenarioError, ResultFolderError
from cqrs_sim.ids import OrderId
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Load, Scenario

HOSTILE = "</script><img src=x>\"'"


def time(mean_us: float, cv: float = 0.3) -> StageTime:
    return StageTime(mean_s=mean_us / 1e6, median_s=mean_us / 1e6, cv=cv, n=100)


TIMES = {
    stages.SEND: time(5.0, 0.0),
    stages.WRITE: time(4.0),
    stages.REPLY: time(2.0),
    stages.SETTLE: time(4.0, 0.0),
    stages.read_model("orders"): time(3.0),
    stages.read_model("statistics"): time(2.0, 0.0),
    stages.read_model("search"): time(2.0, 6.0),
    stages.checkpoint("orders"): time(0.2),
    stages.query("GetOrderById"): time(5.0),
    stages.query("GetOrdersByCustomer"): time(8.0),
    stages.query("GetOrdersByStatus"): time(40.0, 1.2),
    stages.query("GetOrderStatistics"): time(10.0),
}


def source(name: str = "default") -> Scenario:
    return real_scenario(attrs.evolve(simulation.load_scenario("default"), name=name))


def model(name: str = "default") -> Scenario:
    return calibrated(at_rate(source(name), 20_000.0, 1_000), TIMES)


def figures(seed: int, response_us: float, lag_us: float, invalid: str = "") -> RunFigures:
    values: dict[str, float | None] = {
        "response": response_us / 1e6,
        "lag orders": lag_us / 1e6,
        "query response": 1.0,
    }
    return RunFigures(seed=seed, p50_s=values, p99_s=values, invalid=invalid)


def calibration(lag_us: float = 10.0, name: str = "default", invalid: str = "") -> Calibration:
    rate = AtRate(
        share=0.5,
        rate_per_s=20_000.0,
        predicted=(figures(0, 20.0, lag_us),),
        measured=tuple(figures(seed, 18.0 + seed, 10.0, invalid) for seed in range(3)),
    )
    run = Stages(times=TIMES, busy_s=0.5, idle_s=0.4, elapsed_s=1.0)
    return Calibration(
        source=source(name),
        scenario=model(name),
        seed=0,
        plan=Plan(shares=(0.5,)),
        saturation_per_s=40_000.0,
        flat_out_per_s=(39_000.0, 40_000.0, 41_000.0),
        stages=TIMES,
        runs=(run,),
        rates=(rate,),
        provenance={"measured": "2026-01-01T00:00:00Z", "machine": {"platform": name}},
    )


def test_the_calibrated_scenario_reads_back_with_its_remarks_above_it() -> None:
    found = calibration()
    text = scenario_text(found)
    assert text.startswith("# default, calibrated at 2026-01-01")
    assert read_scenario(text) == found.scenario


def test_a_remark_cannot_end_its_comment() -> None:
    text = toml_of(model(), ["a\nname = 'owned'\r[run]"])
    assert read_scenario(text) == model()


def test_a_name_of_anybody_reads_back_and_stays_text_on_the_page() -> None:
    found = calibration(name=HOSTILE)
    assert read_scenario(scenario_text(found)) == found.scenario
    assert HOSTILE not in page_html(found)
    assert "&lt;/script&gt;&lt;img src=x&gt;" in page_html(found)


def test_stages_become_lognormal_constant_or_capped_as_they_spread() -> None:
    scenario = model()
    write, models = scenario.write_side.service, scenario.read_models
    assert (write.distribution, write.mean, write.spread) == ("lognormal", 4_000, 0.3)
    assert models["statistics"].service.distribution == "constant"
    assert models["search"].service.spread == 5.0
    assert models["orders"].checkpoint == 200
    assert scenario.run.processors == 1
    assert (scenario.load.send, scenario.write_side.reply, scenario.run.settle) == (
        5_000, 2_000, 4_000,
    )  # fmt: skip


def test_the_calibrated_scenario_runs_and_gives_the_same_trace_each_time() -> None:
    first, second = (virtual.run(model(), seed=3) for _ in range(2))
    for name, column in first.trace.to_arrays().items():
        assert column.tobytes() == second.trace.to_arrays()[name].tobytes(), name
    assert first.summary.is_correct


def test_the_algebra_refuses_it_by_key() -> None:
    with pytest.raises(InvalidScenarioError, match=r"run\.processors = 1"):
        algebra.run(model())


def test_nothing_modelled_is_left_in_a_real_scenario() -> None:
    scenario = source()
    services = [scenario.write_side.service, scenario.queries.service]
    services += [one.service for one in scenario.read_models.values()]
    assert {service.distribution for service in services} == {"real"}
    assert real_scenario(model()) == attrs.evolve(scenario, run=real_scenario(model()).run,
        name=model().name)  # fmt: skip


def test_a_replay_is_refused() -> None:
    scenario = attrs.evolve(source(), load=Load(model="replay", log="a.csv"))
    with pytest.raises(InvalidScenarioError, match=r'load\.model = "replay"'):
        real_scenario(scenario)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("store=sqlite", 'store = "sqlite": its commits are another thread'),
        ("write_side.handling=unchecked", 'write_side.handling = "unchecked": order actors'),
        (
            "read_models.orders.enrichment.service.mean=1ms",
            "read_models.orders.enrichment: another system is not calibrated; must be none",
        ),
        ("queries.cache.ttl=5ms", "queries.cache.ttl: what a cache answers"),
        ("read_models.search.projection=inline", 'read_models.search.projection = "inline"'),
    ],
)
def test_what_cannot_be_calibrated_is_refused_by_its_key(setting: str, told: str) -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        real_scenario(simulation.load_scenario("default", [setting]))
    (mistake,) = refused.value.mistakes
    assert mistake.startswith(told)


def test_a_modelled_search_is_refused_by_its_key() -> None:
    with pytest.raises(InvalidScenarioError, match=r"orders\.search_each: .* must be 0s"):
        real_scenario(simulation.load_scenario("list_index"))


def test_scripts_end_once_they_hold_enough() -> None:
    one = GetOrderById(OrderId("o"))
    scripts = [(one, one), (one, one), (one,), (one,)]
    assert list(first_of(iter(scripts), 3)) == scripts[:2]


def test_the_figures_of_a_run_are_medians_after_the_warm_up() -> None:
    result = virtual.run(model(), seed=1)
    found = figures_of(result.trace, seed=1, warm_up_ns=result.scenario.run.warm_up)
    summary = result.summary
    assert found.p50_s["response"] == summary.response_s.p50
    assert found.p50_s["lag search"] == summary.lag_s["search"].p50


@pytest.mark.parametrize(
    ("lag_us", "is_good", "told"),
    [
        (12.5, True, "within 25%"),
        (12.6, False, "misses by more than 25%"),
        (7.5, True, "worst is off by -25%"),
        (7.4, False, "lag orders (-26%)"),
    ],
)
def test_the_verdict_is_about_the_medians_at_half_of_saturation(
    lag_us: float, is_good: bool, told: str
) -> None:
    found = calibration(lag_us)
    assert found.is_good == is_good
    assert told in verdict(found)


def test_an_answer_that_is_off_is_no_part_of_the_verdict() -> None:
    found = calibration()
    (rate,) = found.rates
    off = attrs.evolve(rate.predicted[0], p50_s={**rate.predicted[0].p50_s, "query response": 9.0})
    assert attrs.evolve(found, rates=(attrs.evolve(rate, predicted=(off,)),)).is_good


def test_what_is_censored_in_one_run_is_not_known() -> None:
    found = calibration()
    (rate,) = found.rates
    lost = attrs.evolve(rate.measured[1], p50_s={**rate.measured[1].p50_s, "lag orders": None})
    changed = attrs.evolve(rate, measured=(rate.measured[0], lost))
    assert not attrs.evolve(found, rates=(changed,)).is_good
    assert "lag orders is unknown" in verdict(attrs.evolve(found, rates=(changed,)))


def test_invalid_runs_are_named_and_make_the_whole_invalid_if_they_are_most() -> None:
    found = calibration(invalid="the load generator was late")
    assert found.is_invalid
    assert "seed 2: the load generator was late" in page_html(found)
    (rate,) = found.rates
    one = attrs.evolve(rate, measured=(rate.measured[0], *calibration().rates[0].measured[1:]))
    assert not attrs.evolve(found, rates=(one,)).is_invalid


def test_invalid_runs_behind_the_stage_times_count_as_much() -> None:
    found = attrs.evolve(calibration(), invalid_stage_runs=("seed 7: the load generator was late",))
    assert found.is_invalid, "it was the only one"
    assert "stage times, seed 7: the load generator was late" in page_html(found)


def test_the_folder_holds_scenario_figures_page_and_json(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    write_calibration(calibration(), folder)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "calibrated.toml", "calibration.html", "calibration.json", "figures/prediction.png",
        "figures/prediction.svg",
    }  # fmt: skip
    document = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
    assert document["is_good"] is True
    assert document["stages"]["write"]["mean_s"] == 4e-6
    with pytest.raises(ResultFolderError, match="not empty"):
        write_calibration(calibration(), folder)
    write_calibration(calibration(), folder, force=True)


def test_a_measuring_run_that_was_interrupted_ends_the_calibration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = attrs.evolve(simulation.run(model()), complete=False)
    monkeypatch.setattr(wall, "run", lambda *_, **__: cut)
    with pytest.raises(KeyboardInterrupt):
        measuring.run_at(source(), 1_000.0, seed=0, operations=100)
    with pytest.raises(KeyboardInterrupt):
        measuring.run_flat_out(source(), seed=0, operations=100)
