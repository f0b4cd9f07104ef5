"""A sweep is checked before its first run, at every point."""

from pathlib import Path

import pytest
from sweeps import RATES, SCENARIO, small

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.simulation import load_scenario


def mistakes(*vary: str, **others: object) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as caught:
        small(*vary, **others)  # type: ignore[arg-type]
    return caught.value.mistakes


def test_a_point_is_the_scenario_with_its_settings() -> None:
    sweep = small("load.rate=100/s,200/s", "write_side.mailbox=1,5")
    assert [(one.load.rate, one.write_side.mailbox) for one in sweep.scenarios] == [
        (100.0, 1), (100.0, 5), (200.0, 1), (200.0, 5),
    ]  # fmt: skip
    assert sweep.runs_count == 12
    assert list(sweep.seeds) == [0, 1, 2]


def test_what_is_wrong_at_some_points_is_told_once_with_the_first_of_them() -> None:
    told = 'run.warm_up = "3s": must be shorter than run.duration = "2s"'
    where = "(at 2 of 6 points; the first has run.warm_up=3s load.rate=1/s)"
    assert mistakes("run.warm_up=0s,1s,3s", "load.rate=1/s,2/s") == (f"{told} {where}",)


def test_what_the_engine_cannot_do_at_a_point_is_told_before_the_first_run() -> None:
    told = mistakes("run.processors=0,1,2")
    assert [line.partition(":")[0] for line in told] == ["run.processors = 1", "run.processors = 2"]
    assert all("virtual can" in line for line in told)
    assert small("run.processors=0,1,2", engine="virtual").runs_count == 9


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"replications": 0}, "replications = 0: must be from 1 to 10,000"),
        ({"seed": 2**64 - 2}, f"seed = {2**64 - 2}: too few seeds follow it"),
        ({"points": 5}, "points = 5: belongs to the design latin_hypercube"),
        ({"design": "latin_hypercube"}, "points is missing: a Latin hypercube has from 2 to"),
        ({"metrics": ("lag.order.p99",)}, "unknown metric; did you mean lag.orders.p99"),
        ({"factors": ()}, "a sweep varies at least one key"),
    ],
)
def test_a_wrong_part_of_a_request_is_named(others: dict[str, object], told: str) -> None:
    (mistake,) = mistakes(RATES, **others)
    assert told in mistake


def test_a_key_is_varied_once() -> None:
    assert mistakes("load.rate=1/s,2/s", "load.rate=3/s") == ("load.rate: is varied twice",)


def test_too_many_runs_are_refused() -> None:
    (mistake,) = mistakes("workload.orders=1..1000:lin:1000", replications=2_000)
    assert mistake == "1,000 points of 2,000 replications: must be at most 1,000,000 runs"


def test_thresholds_are_not_judged_and_do_not_end_a_sweep() -> None:
    base = read_scenario(f'thresholds = ["response.p99 < 1ns"]\n{SCENARIO}')
    assert {one.thresholds for one in small(base=base).scenarios} == {()}


def test_without_metrics_p99_of_every_lag_and_of_the_response_is_drawn() -> None:
    assert small(metrics=()).figures == ("lag.orders.p99", "response.p99")
    assert small().figures == ("lag.orders.mean",)


def test_the_identity_is_that_of_the_runs_and_not_of_how_many_there_are() -> None:
    base = small().identity()
    assert small(replications=9).identity() == base
    assert small(metrics=("response.mean",)).identity() == base
    assert small(seed=1).identity() != base
    assert small(engine="virtual").identity() != base
    assert small("load.rate=100/s,200/s").identity() != base


def test_a_recorded_log_that_changes_makes_another_sweep(tmp_path: Path) -> None:
    example = Path(__file__).parent.parent.parent / "docs" / "examples" / "commands.csv"
    log = tmp_path / "commands.csv"
    log.write_bytes(example.read_bytes())
    source = tmp_path / "replay.toml"
    source.write_text('[load]\nmodel = "replay"\nlog = "commands.csv"\n')
    first = small("load.speed=1.0,2.0", base=load_scenario(source)).identity()
    log.write_text("".join(example.read_text().splitlines(keepends=True)[:-1]))
    assert small("load.speed=1.0,2.0", base=load_scenario(source)).identity() != first
