"""The highest rate in words."""

import io
import math

import attrs

from benchmarks.capacity_coverage import scenario_of
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.highest_rate.answer import Capacity, Confirmation, Faster, LimitingStage
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.probes import Lack, Probe
from cqrs_sim.highest_rate.steps import Steps
from cqrs_sim.highest_rate.turned_away import TurnedAway
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.terminal.capacity import (
    SearchLine,
    sentence,
    show_capacity,
    show_steps,
    steps_sentence,
    value_text,
)
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.status_line import LINES_NS

QUEUE = scenario_of(5.0)
LACK = Lack(metric="lag.orders.p99", n=5, needed=10_000)
RATES = (904.0, 912.0, 920.0)


def probe(rate: float, value: float, *, invalid: str = "") -> Probe:
    return Probe(
        seed=0,
        rate_per_s=rate,
        values=(value,),
        margin=-1.0 if math.isinf(value) else 0.25 / value - 1.0,
        loads={"write side": 0.0, "orders": rate / 980.0},
        saturated=("orders",) if math.isinf(value) else (),
        invalid=invalid,
    )


FOUND = Capacity(
    scenario=QUEUE,
    limits=checked_limits(["lag.orders.p99 < 250ms"], QUEUE),
    engine="algebra",
    seed=0,
    kind="limit",
    binding="lag.orders.p99 < 250ms",
    rates_per_s=RATES,
    interval=t_interval(RATES),
    precision=0.03,
    is_precise=True,
    is_complete=True,
    limiting=LimitingStage(stage="orders", utilisation=0.93, saturates_at_per_s=980.6),
    loads={"write side": 0.0, "orders": 0.93},
    faster=Faster(
        stage="orders",
        key="read_models.orders.service.mean",
        factor=0.9,
        more_per_s=t_interval((96.0, 97.0, 98.0)),
    ),
    confirmation=Confirmation(
        seeds=(200, 201),
        rates_per_s=(892.0, 932.0),
        values=((0.2, 0.21), (0.29, 0.3)),
        intervals=(t_interval((0.2, 0.21)), t_interval((0.29, 0.3))),
        is_confirmed=True,
        differ=(),
    ),
    probes=(("search", probe(912.0, 0.25)),),
)


def shown(found: Capacity, *, is_quiet: bool = False) -> str:
    stream = io.StringIO()
    show_capacity(Screen(stream), found, is_quiet=is_quiet)
    return stream.getvalue()


def test_the_answer_is_one_sentence_rate_stage_and_what_a_faster_one_brings() -> None:
    assert sentence(FOUND) == (
        "holds lag.orders.p99 < 250ms up to 912/s ± 20 (95 %, 3 replications); "
        "orders limits: utilisation 0.93, saturates at 981/s; "
        "10 % faster orders: +97/s ± 2.5"
    )


def test_the_sentence_stands_first_and_alone_if_it_is_to_be_quiet() -> None:
    assert shown(FOUND).splitlines()[0] == sentence(FOUND)
    assert shown(FOUND, is_quiet=True) == f"{sentence(FOUND)}\n"


def test_the_confirmation_names_both_ends_and_the_limit() -> None:
    told = shown(FOUND)
    assert "confirmed by the virtual engine, 2 fresh seeds at each end" in told
    assert "at 892/s and" in told
    assert "the limit is 250 ms" in told
    assert FOUND.confirmation is not None
    refuted = attrs.evolve(FOUND.confirmation, is_confirmed=False, differ=(201,))
    told = shown(attrs.evolve(FOUND, confirmation=refuted))
    assert "NOT CONFIRMED" in told
    assert "the engines differ, which is a bug: with the seeds 201" in told


def test_a_search_that_is_not_precise_or_not_whole_says_so() -> None:
    assert "wider than ± 3 %" in shown(attrs.evolve(FOUND, is_precise=False))
    assert "wider" not in shown(FOUND)
    assert sentence(attrs.evolve(FOUND, is_complete=False)).startswith("INCOMPLETE: interrupted")


def test_saturation_is_named_where_it_is_the_limit() -> None:
    found = attrs.evolve(FOUND, kind="saturation")
    assert sentence(found).startswith("holds lag.orders.p99 < 250ms up to saturation, at 912/s")
    assert "never met below saturation" in shown(found)


def test_stages_that_share_processors_are_not_read_as_if_they_did_not() -> None:
    shared = attrs.evolve(QUEUE, run=attrs.evolve(QUEUE.run, processors=2))
    assert "the stages share 2 processors" in shown(attrs.evolve(FOUND, scenario=shared))
    assert "processor" not in shown(FOUND)


def test_a_busier_stage_than_the_limiting_one_is_named() -> None:
    found = attrs.evolve(FOUND, loads={"orders": 0.93, "search": 0.95})
    assert "busier is search, which saturates at 960/s" in shown(found)


def test_where_no_rate_holds_the_seed_is_named_with_the_value_that_breaks_the_limit() -> None:
    lost = attrs.evolve(probe(10.0, math.nan), margin=math.nan)
    found = attrs.evolve(
        FOUND,
        kind="none",
        rates_per_s=(66.0,),
        interval=t_interval([]),
        limiting=None,
        faster=None,
        broken=probe(66.0, 0.3),
        # A lower rate was probed with another seed, and held: it is not what broke the limit.
        probes=(("search", probe(40.0, 0.1)), ("search", attrs.evolve(lost, lack=LACK))),
    )
    no_rate = "NO RATE HOLDS lag.orders.p99 < 250ms: with seed "
    assert sentence(found) == f"{no_rate}0 even at 66/s it is 300 ms"
    assert "Stages" not in shown(found)
    third = attrs.evolve(
        found, rates_per_s=(900.0, 910.0, 66.0), broken=attrs.evolve(probe(66.0, 0.3), seed=2)
    )
    assert sentence(third) == (
        f"{no_rate}2, number 3 of 3, even at 66/s it is 300 ms; 2 others hold"
    )


def test_what_is_turned_away_at_the_answer_is_told_even_if_it_is_to_be_quiet() -> None:
    found = attrs.evolve(
        FOUND,
        turned_away=(
            TurnedAway(what="commands", how="were refused", share=0.125),
            TurnedAway(what="at_least queries", how="timed out", share=0.02),
        ),
    )
    told = [
        "there 12.5 % of the commands were refused",
        "there 2 % of the at_least queries timed out",
    ]
    assert shown(found).splitlines()[1:3] == told
    assert shown(found, is_quiet=True).splitlines()[1:] == told
    assert "there " not in shown(FOUND)


def test_of_a_metric_of_no_stage_only_the_busiest_is_named_and_none_limits() -> None:
    found = attrs.evolve(FOUND, limiting=None, faster=None)
    told = sentence(found)
    assert told.endswith("; busiest: orders, utilisation 0.93, saturates at 981/s")
    assert "limits" not in told
    assert "faster" not in told


def test_values_have_their_units() -> None:
    assert value_text(0.25, "s") == "250 ms"
    assert value_text(12.5, "per_s") == "12.5/s"
    assert value_text(0.05, "number") == "0.05"
    assert "saturated" in value_text(math.inf, "s")


def test_steps_are_told_as_a_bracket_with_a_verdict_each() -> None:
    steps = Steps(
        scenario=attrs.evolve(QUEUE, name="\u202ered"),
        limits=FOUND.limits,
        seed=0,
        end="bracket",
        held_per_s=800.0,
        broken_per_s=840.0,
        probes=(probe(800.0, 0.1), probe(840.0, math.inf), probe(900.0, 0.1, invalid="late")),
    )
    assert steps_sentence(steps) == "holds lag.orders.p99 < 250ms at 800/s, and no longer at 840/s"
    stream = io.StringIO()
    show_steps(Screen(stream), steps)
    told = stream.getvalue()
    for part in ("held", "saturated: orders", "INVALID: late", "a bracket, not an interval"):
        assert part in told
    assert "\u202e" not in told
    assert "refused" not in told


def test_what_is_turned_away_at_the_last_rate_that_held_is_told_of_steps_too() -> None:
    refused = (TurnedAway(what="commands", how="were refused", share=0.3),)
    held, broken = probe(800.0, 0.1), probe(840.0, math.inf)
    for at, is_told in ((held, True), (broken, False)):
        steps = Steps(
            scenario=QUEUE,
            limits=FOUND.limits,
            seed=0,
            end="bracket",
            held_per_s=800.0,
            broken_per_s=840.0,
            probes=tuple(
                attrs.evolve(one, turned_away=refused if one is at else ())
                for one in (held, broken)
            ),
        )
        stream = io.StringIO()
        show_steps(Screen(stream), steps)
        told = "there 30 % of the commands were refused" in stream.getvalue()
        assert told == is_told


def test_progress_is_told_now_and_then_in_a_pipe_and_never_if_quiet() -> None:
    stream, clock = io.StringIO(), VirtualClock()
    line = SearchLine(Screen(stream), clock=clock)
    line("too soon")
    clock.instant_ns = Nanoseconds(LINES_NS)
    line("900/s ± 9")
    line("at once again")
    line.close()
    assert stream.getvalue() == "900/s ± 9\n"
    quiet = SearchLine(Screen(stream), is_quiet=True, clock=clock)
    quiet("nothing")
    assert stream.getvalue() == "900/s ± 9\n"
