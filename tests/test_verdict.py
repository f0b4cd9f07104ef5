"""The verdict: one sentence that says the worst, of one run or of all replications together."""

from collections.abc import Mapping

import attrs
import pytest

from cqrs_sim import simulation
from cqrs_sim.analysis.episodes import Episode
from cqrs_sim.analysis.findings import Findings, SaturatedStage
from cqrs_sim.analysis.replicated import Replications, Until, replicated
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.unserved import Unserved
from cqrs_sim.probe import Outcome
from cqrs_sim.replications import Wanted, replicate
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.units import Duration
from cqrs_sim.verdict import episode_text, judge

SCENARIO = read_scenario(
    'name = "small"\n[run]\nduration = "6s"\n[load]\nrate = "250/s"\n'
    '[read_models.orders]\nservice = { distribution = "exponential", mean = "2ms" }\n'
)
EDGE = read_scenario(
    'name = "edge"\n[run]\nduration = "3s"\ndrain = "1s"\n[load]\nrate = "500/s"\n'
    '[workload]\nkind = "amendments"\ninvalid_share = 0.0\n'
    '[read_models.orders]\nservice = { distribution = "exponential", mean = "2ms" }\n'
)
"""Offered what it can just do, so that it is saturated with some seeds and not with others."""
BRIEF = attrs.evolve(SCENARIO.run, duration=Duration(100_000_000))
SLOW = Episode(
    stage="search",
    from_s=10.02,
    until_s=19.44,
    worst_s=4.36,
    worst_at_s=17.0,
    still_from_s=11.0,
    still_s=0.01,
)
STALL = Episode(
    stage=WRITE_SIDE,
    from_s=20.0,
    until_s=25.0,
    worst_s=5.0,
    worst_at_s=25.0,
    still_from_s=20.0,
    still_s=5.0,
)


@pytest.fixture(scope="module")
def several() -> Result:
    return replicate(SCENARIO, Wanted(count=4))


def verdict_with(several: Result, **changes: object) -> tuple[str, str]:
    replications = several.replications
    assert replications is not None
    judged = judge(several.summary, None, attrs.evolve(replications, **changes))  # type: ignore[arg-type]
    return judged.text, judged.tone


def test_the_good_case_names_the_mean_over_the_replications_with_its_interval(
    several: Result,
) -> None:
    replications = several.replications
    assert replications is not None
    text, tone = verdict_with(several)
    name = text.removeprefix("keeps up: ").split()[0]
    interval = replications.interval(f"lag_s.{name}.p90")
    assert interval is not None
    assert interval.mean is not None
    assert interval.half_width is not None
    digits = 3 if interval.mean < 99.5e-6 else 2 if interval.mean < 9.995e-3 else 1
    assert f"p90 lag {interval.mean * 1e3:.{digits}f} ms ± " in text
    assert f" ± {interval.half_width * 1e3:.{digits}f} (95 %, 4 replications)" in text
    assert interval.mean != several.summary.lag_s[name].p90
    assert tone == "good"


@pytest.mark.parametrize(
    ("changes", "text", "tone"),
    [
        (
            Findings(incorrect=(2, 3), failed_checks=("order", "events")),
            "INCORRECT in 2 of 4 replications (first with seed 2): 2 checks failed: order, events",
            "bad",
        ),
        (
            Findings(incorrect=(2,)),
            "INCORRECT in 1 of 4 replications (first with seed 2): a check failed",
            "bad",
        ),
        (
            Findings(invalid=(3,), why_invalid="the load generator was late"),
            "INVALID in 1 of 4 replications (first with seed 3): the load generator was late",
            "bad",
        ),
        (
            Findings(
                saturated={
                    "search": SaturatedStage(
                        seeds=(1, 2),
                        offered_load=1.31,
                        saturates_at_per_s=598.0,
                        events=100,
                        censored=40,
                    ),
                    "orders": SaturatedStage(seeds=(2,)),
                }
            ),
            (
                "SATURATED in 2 of 4 replications (first with seed 1): search (offered load 1.31, "
                "saturates at 598 events/s): 40 % of events were never applied; orders in 1 of them"
            ),
            "bad",
        ),
        (
            Findings(
                saturated={
                    "orders": SaturatedStage(
                        seeds=(2,), offered_load=0.35, slope_per_s=512.3, events=100
                    )
                }
            ),
            (
                "SATURATED in 1 of 4 replications (first with seed 2): orders (its backlog grew by "
                "512 a second)"
            ),
            "bad",
        ),
        (
            Findings(behind=(3,), episodes=(SLOW,)),
            (
                "in 1 of 4 replications (first with seed 3): search fell behind from 10.0 s, by up "
                "to 4.4 s, and caught up at 19.4 s"
            ),
            "warning",
        ),
    ],
)
def test_what_holds_in_any_replication_is_said_of_all_with_its_first_witness(
    several: Result, changes: Findings, text: str, tone: str
) -> None:
    """The first seed itself is fine in each of these."""
    assert verdict_with(several, findings=changes) == (text, tone)


REFUSED = Unserved(what="commands", how="were refused", seeds=(1, 3), count=28, n=100)
TIMED_OUT = Unserved(what="at_least queries", how="timed out", seeds=(3,), count=3, n=10)


def test_who_turns_many_away_does_not_keep_up(several: Result) -> None:
    (good, _) = verdict_with(several)
    text, tone = verdict_with(several, findings=Findings(unserved=(REFUSED, TIMED_OUT)))
    assert text == (
        "28 % of commands were refused in 2 of 4 replications (first with seed 1); "
        "30 % of at_least queries timed out in 1 of 4 replications (first with seed 3); "
        + good.removeprefix("keeps up: ")
    )
    assert tone == "warning"


def test_who_turns_many_away_and_is_saturated_or_behind_says_both(several: Result) -> None:
    refused = "; 28 % of commands were refused in 2 of 4 replications (first with seed 1)"
    found = Findings(saturated={"search": SaturatedStage(seeds=(1,))}, unserved=(REFUSED,))
    assert verdict_with(several, findings=found)[0].endswith(refused)
    found = Findings(behind=(0,), episodes=(SLOW,), unserved=(REFUSED,))
    assert verdict_with(several, findings=found)[0].endswith(refused)


def test_a_mailbox_that_refuses_and_a_short_timeout_are_said_of_real_runs() -> None:
    """A quarter of the commands find a mailbox full, and are told so in no time at all."""
    full = simulation.load_scenario(
        "default",
        [
            *("run.duration=8s", "queries.share=0", "workload.orders=2"),
            *("write_side.mailbox=1", "write_side.policy=reject", "write_side.service.mean=5ms"),
        ],
    )
    summary = simulation.run(full).summary
    judged = judge(summary)
    share = 100 * summary.commands[Outcome.REFUSED] / sum(summary.commands.values())
    assert judged.text.startswith(f"{share:.0f} % of commands were refused; ")
    assert judged.tone == "warning"
    # Refusals counted as answers would make nine in ten look answered within some time.
    assert summary.response_s.p90 is not None
    assert summary.served_response_s.p90 is None
    assert "response" not in judged.text
    impatient = [
        "run.duration=4s",
        "run.warm_up=0s",
        "queries.strategy.by_id=at_least",
        "queries.timeout=1ms",
    ]
    summary = simulation.run(simulation.load_scenario("slow_projector", impatient)).summary
    row = summary.reads.of("GetOrderById", "at_least")
    assert row is not None
    assert f"{100 * row.timed_out / row.n:.0f} % of at_least queries timed out" in (
        judge(summary).text
    )


def test_a_run_of_which_nothing_can_be_said_is_no_good_news() -> None:
    judged = judge(simulation.run(attrs.evolve(SCENARIO, run=BRIEF)).summary)
    assert judged.text == "nothing to judge by: too little happened to measure a lag"
    assert judged.tone == "warning"


def test_the_worst_comes_first(several: Result) -> None:
    found = Findings(
        incorrect=(3,),
        invalid=(2,),
        saturated={"search": SaturatedStage(seeds=(1,))},
        behind=(0,),
        episodes=(SLOW,),
    )
    assert verdict_with(several, findings=found)[0].startswith("INCORRECT")
    found = attrs.evolve(found, incorrect=())
    assert verdict_with(several, findings=found)[0].startswith("INVALID")
    found = attrs.evolve(found, invalid=())
    assert verdict_with(several, findings=found)[0].startswith("SATURATED")
    found = attrs.evolve(found, saturated={})
    assert "fell behind" in verdict_with(several, findings=found)[0]


def test_saturation_of_other_seeds_than_the_first_is_found_in_real_runs() -> None:
    result = replicate(EDGE, Wanted(count=6))
    replications = result.replications
    assert replications is not None
    runs = [simulation.run(EDGE, seed=seed).summary for seed in range(6)]
    seeds = [run.seed for run in runs if run.saturated]
    assert 0 < len(seeds) < 6
    text = judge(result.summary, None, replications).text
    assert text.startswith(
        f"SATURATED in {len(seeds)} of 6 replications (first with seed {seeds[0]}): orders ("
    )
    (load,) = runs[seeds[0]].saturated
    assert f"offered load {load.offered_load:.2f}" in text


def test_what_an_older_folder_does_not_hold_is_taken_from_the_first_run() -> None:
    summary = simulation.run(simulation.load_scenario("overload", ["run.duration=5s"])).summary
    old = Replications(seeds=(0, 1), values={})
    assert judge(summary, None, old).text.startswith("SATURATED in 1 of 2 replications")


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"seeds": (0, 1), "wanted": 10}, "INCOMPLETE: ended after 2 of 10 replications; until "),
        (
            {"seeds": (0, 1), "wanted": 50, "until": Until("x", 0.1)},
            "INCOMPLETE: ended after 2 of at most 50 replications; until then keeps up: ",
        ),
        ({"seeds": (0, 1), "wanted": None}, "INCOMPLETE: ended after 2 replications; until then "),
        ({"seeds": (), "wanted": 10}, "INCOMPLETE: interrupted in the first of 10 replications; "),
    ],
)
def test_replications_that_were_ended_early_say_how_many_there_are(
    several: Result, changes: Mapping[str, object], start: str
) -> None:
    text, tone = verdict_with(several, is_complete=False, **changes)
    assert text.startswith(start)
    assert tone == "warning"
    bad = Findings(incorrect=(0,), failed_checks=("order",))
    if changes["seeds"]:
        text, tone = verdict_with(several, is_complete=False, findings=bad, **changes)
        assert tone == "bad"
        assert "until then INCORRECT in 1 of 2 replications" in text


def test_withheld_in_one_of_them_no_quantile_of_it_is_named(several: Result) -> None:
    replications = several.replications
    assert replications is not None
    slowest = verdict_with(several)[0].removeprefix("keeps up: ").split()[0]
    values = dict(replications.values)
    for quantile in ("p50", "p90"):
        values[f"lag_s.{slowest}.{quantile}"] = (None, 1.0, 1.0, 1.0)
    text, _ = verdict_with(several, values=values)
    assert not text.startswith(f"keeps up: {slowest}")


def test_an_episode_is_told_with_its_times() -> None:
    assert episode_text(SLOW) == (
        "search fell behind from 10.0 s, by up to 4.4 s, and caught up at 19.4 s"
    )
    assert episode_text(attrs.evolve(SLOW, until_s=None)) == (
        "search fell behind from 10.0 s, by up to 4.4 s, and had not caught up when the load ended"
    )
    assert episode_text(STALL) == "the write side stood still from 20.0 s to 25.0 s"
    short = attrs.evolve(SLOW, from_s=1.2345, until_s=1.4, worst_s=0.1, worst_at_s=1.4)
    assert episode_text(short) == (
        "search fell behind from 1.23 s, by up to 100 ms, and caught up at 1.40 s"
    )


def test_the_worst_episode_is_named_with_its_p99_and_the_other_stages_beside(
    several: Result,
) -> None:
    summary = several.summary
    response = attrs.evolve(summary.served_response_s, p99=4.502)
    others = (attrs.evolve(SLOW, stage="orders"), attrs.evolve(SLOW, worst_s=1.0))
    stalled = attrs.evolve(summary, served_response_s=response, episodes=(STALL, *others))
    judged = judge(stalled)
    assert judged.tone == "warning"
    assert judged.text == (
        "the write side stood still from 20.0 s to 25.0 s: p99 response 4,502 ms; "
        "orders and search fell behind too"
    )
    again = attrs.evolve(stalled, episodes=(STALL, attrs.evolve(STALL, worst_s=2.0)))
    assert judge(again).text == (
        "the write side stood still from 20.0 s to 25.0 s, the worst of 2 times: "
        "p99 response 4,502 ms"
    )


def test_a_stall_and_a_burst_are_told_as_such() -> None:
    burst = simulation.run(simulation.load_scenario("burst", ["run.duration=20s"]))
    text = judge(burst.summary).text
    assert text.startswith("search fell behind from 10.0 s, by up to 4.4 s, and caught up at 19.")
    closed = [
        *("run.duration=4s", "load.model=closed", "load.rate=none", "load.clients=4"),
        'write_side.pauses=[{at = "2s", duration = "1s"}]',
    ]
    stall = simulation.run(
        simulation.load_scenario("stall", [*closed, "load.think_time.mean=15500us"])
    )
    # Waiting clients hide it from every quantile, and not from the verdict.
    assert judge(stall.summary).text.startswith("the write side stood still from 2.02 s to 3.00 s")


def test_a_response_that_is_slower_than_the_lag_is_named(several: Result) -> None:
    summary = several.summary
    served = summary.served_response_s
    slow = attrs.evolve(summary, served_response_s=attrs.evolve(served, p90=0.5))
    assert "; slower is the response, p90 500 ms" in judge(slow).text
    fast = attrs.evolve(summary, served_response_s=attrs.evolve(served, p90=1e-9))
    assert "slower" not in judge(fast).text


def test_where_no_read_model_ever_lags_none_is_called_the_slowest() -> None:
    crud = simulation.load_scenario("crud", ["run.duration=2s", "run.warm_up=200ms"])
    result = simulation.run(crud)
    samples = result.summary.lag_s
    assert {sample.max for sample in samples.values()} == {0.0}
    text = judge(result.summary).text
    assert text.startswith("keeps up: the lag is zero in every read model; the response, p90 ")
    late = attrs.evolve(samples["orders"], p90=0.001, max=0.002)
    once = attrs.evolve(result.summary, lag_s={**samples, "orders": late})
    assert judge(once).text.startswith(
        "keeps up: orders is the slowest read model, p90 lag 1.00 ms "
    )


def test_one_replication_has_no_interval_to_name(several: Result) -> None:
    alone = replicated((0,), (several.summary.to_json(),))
    assert judge(several.summary, None, alone) == judge(several.summary)
