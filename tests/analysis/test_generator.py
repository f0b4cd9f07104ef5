import json
from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray
from traces import NaT, Plan, make_trace

from cqrs_sim.analysis.generator import Pause, Second, generator_health
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import metric, metrics_of, short_name
from cqrs_sim.measurement.trace import Trace

MS = np.timedelta64(1, "ms")
HOST: dict[str, Json] = {
    "elapsed_s": 20.0,
    "spun_s": 3.0,
    "waited_s": 12.0,
    "lead_s": 0.000_13,
    "hiccups": {
        "period_s": 0.001,
        "ticks": 19_000,
        "late": 2,
        "late_s": 0.03,
        "worst": [
            {"at_s": 4.0, "length_s": 0.02, "busy_s": 0.001},
            {"at_s": 0.5, "length_s": 0.01, "busy_s": 0.01},
        ],
    },
}


Stamps: TypeAlias = NDArray[np.timedelta64]


def sent(trace: Trace, late: Callable[[Stamps], Stamps]) -> Trace:
    """The same plan, each command sent so much late."""
    submitted = trace.commands.intended + late(trace.commands.intended)
    return attrs.evolve(trace, commands=attrs.evolve(trace.commands, submitted=submitted))


def test_a_generator_that_keeps_its_plan_achieves_all_of_it_without_slip() -> None:
    trace = make_trace(Plan(query_share=0.3))
    health = generator_health(trace)
    offered = len(trace.commands) + len(trace.queries)
    assert health.slip_s.max == health.queries_slip_s.max == 0.0
    assert health.achieved_share == 1.0
    assert health.offered_per_s == health.achieved_per_s == pytest.approx(offered / 10.0)
    assert health.worst_second is not None
    assert health.worst_second.achieved_share == 1.0


def test_slip_is_submitted_less_intended_and_its_mean_and_maximum_are_exact() -> None:
    trace = make_trace(Plan())
    late = np.arange(len(trace.commands)) * np.timedelta64(1, "us")
    health = generator_health(sent(trace, lambda _: late))
    count = len(trace.commands)
    assert health.slip_s.n == count
    assert health.slip_s.max == pytest.approx((count - 1) * 1e-6)
    assert health.slip_s.mean == pytest.approx((count - 1) / 2 * 1e-6)


def test_the_worst_second_is_the_one_in_which_the_generator_was_held_up() -> None:
    """Held up from 4.5 s to 5.5 s: what was intended in the second half of second 4 came late."""
    trace = make_trace(Plan(query_share=0.0))
    at, until = np.timedelta64(4500, "ms"), np.timedelta64(5500, "ms")
    held = sent(trace, lambda t: np.where((t >= at) & (t < until), until - t, 0 * MS))
    intended_s = trace.commands.intended / np.timedelta64(1, "s")
    in_second = (intended_s >= 4) & (intended_s < 5)
    on_time = np.count_nonzero(in_second & (intended_s < 4.5))
    offered = int(np.count_nonzero(in_second))

    health = generator_health(held)
    assert health.worst_second == Second(
        at_s=4.0, offered=offered, achieved_share=on_time / offered
    )
    assert health.achieved_share == 1.0


def test_what_was_never_sent_is_missing_from_what_was_achieved() -> None:
    trace = make_trace(Plan(query_share=0.0))
    submitted = trace.commands.submitted.copy()
    submitted[-100:] = NaT
    commands = attrs.evolve(trace.commands, submitted=submitted)
    health = generator_health(attrs.evolve(trace, commands=commands))
    count = len(trace.commands)
    assert health.achieved_share == (count - 100) / count
    assert health.slip_s.censored == 100
    assert health.worst_second is not None
    assert health.worst_second.at_s == 9.0


def test_a_late_generator_of_queries_is_seen_too() -> None:
    trace = make_trace(Plan(query_share=0.3))
    submitted = trace.queries.submitted + 7 * MS
    health = generator_health(
        attrs.evolve(trace, queries=attrs.evolve(trace.queries, submitted=submitted))
    )
    assert health.slip_s.max == 0.0
    assert health.queries_slip_s.max == pytest.approx(0.007)


def test_what_happened_in_the_warm_up_is_left_out() -> None:
    trace = make_trace(Plan(query_share=0.0))
    early = sent(trace, lambda t: np.where(t < 2000 * MS, 50 * MS, 0 * MS))
    health = generator_health(early, after_ns=2_000_000_000, host=HOST)
    assert health.slip_s.max == 0.0
    assert health.worst_second is not None
    assert health.worst_second.at_s == 2.0
    assert health.hiccups is not None
    assert health.hiccups.worst == (Pause(at_s=4.0, length_s=0.02, busy_s=0.001),)
    assert health.hiccups.longest_s == 0.02
    summary: dict[str, Json] = {"generator": health.to_json()}
    longest = metric(summary, "generator.hiccups.longest")
    assert (longest.value, longest.unit) == (0.02, "s")
    names = [short_name(name.split(".")) for name in metrics_of(summary)]
    assert len(set(names)) == len(names)


def test_the_price_of_precision_is_the_share_of_the_run_spent_spinning() -> None:
    pacer = generator_health(make_trace(Plan()), host=HOST).pacer
    assert pacer is not None
    assert (pacer.spin_share, pacer.idle_share, pacer.lead_s) == (0.15, 0.6, 0.000_13)


def test_a_virtual_clock_needs_no_pacer_and_has_no_hiccups() -> None:
    health = generator_health(make_trace(Plan()))
    assert (health.pacer, health.hiccups) == (None, None)


def test_without_load_there_is_no_generator_to_judge() -> None:
    health = generator_health(make_trace(Plan(rate_per_s=0.0)))
    assert (health.achieved_share, health.worst_second) == (None, None)
    assert (health.slip_s.n, health.slip_s.max) == (0, None)


@pytest.mark.parametrize(
    "host",
    [
        {},
        {"elapsed_s": "<script>", "hiccups": "<script>"},
        {"elapsed_s": 1.0, "spun_s": float("nan"), "hiccups": {"worst": ["x", {"at_s": [1]}]}},
        {"elapsed_s": True, "hiccups": {"worst": "x", "ticks": float("inf")}},
    ],
)
def test_a_record_from_a_hostile_file_comes_to_numbers_or_to_nothing(host: dict[str, Json]) -> None:
    shown = json.dumps(generator_health(make_trace(Plan()), host=host).to_json(), allow_nan=False)
    assert "script" not in shown


def test_the_file_holds_plain_values_under_the_names_of_the_metrics() -> None:
    health = generator_health(make_trace(Plan()), host=HOST).to_json()
    assert json.loads(json.dumps(health, allow_nan=False))["slip_s"]["max"] == 0.0
    assert list(health) == [
        "slip_s", "queries_slip_s", "rates_per_s", "achieved_share", "worst_second", "pacer",
        "hiccups",
    ]  # fmt: skip
