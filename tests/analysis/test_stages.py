"""Where the time goes, and what waits there."""

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim.analysis.lag import consistency_lag_s
from cqrs_sim.analysis.rates import backlog, backlog_age_s, mailbox_backlog
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.stages import path_stages_s, stage_backlogs
from cqrs_sim.measurement.trace import Trace

SECOND = 1_000_000_000
OVERLOAD = Plan(drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))


def test_the_path_of_an_event_goes_through_both_sides() -> None:
    trace = make_trace()
    path = path_stages_s(trace, "search")
    assert list(path.parts) == ["queueing", "service", "fan_out", "channel", "apply"]
    submitted = trace.commands.submitted[trace.events.command]
    mean_ns = (trace.deliveries_of("search").applied - submitted).astype(np.int64).mean()
    assert path.whole == pytest.approx(mean_ns / 1e9)


def often(trace: Trace, start_ns: int, end_ns: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.linspace(start_ns, end_ns, 20_001).astype(np.int64)


@pytest.mark.parametrize("name", ["orders", "search"])
def test_the_backlog_of_a_stage_is_what_looking_often_shows(name: str) -> None:
    trace = make_trace(OVERLOAD)
    found = stage_backlogs(trace, after_ns=2 * SECOND)[name]
    load, run = (often(trace, 2 * SECOND, end) for end in (trace.load_ended_ns, trace.ended_ns))
    seen = backlog(trace, name, run)
    # Between two looks something may have come and gone.
    assert seen.max() <= found.max <= seen.max() + 3
    assert found.mean == pytest.approx(backlog(trace, name, load).mean(), rel=0.02)
    assert found.at_load_end == backlog(trace, name, load)[-1]
    assert found.at_end == seen[-1]
    oldest_s = backlog_age_s(trace, name, run).max()
    assert oldest_s <= found.age_max_s <= oldest_s + 0.001


def test_the_mean_backlog_is_rate_times_lag() -> None:
    """Little's law holds exactly where nothing waits at either end of the window."""
    trace = make_trace(attrs.evolve(OVERLOAD, read_ns=(("orders", 500_000),)))
    trace = attrs.evolve(trace, load_ended_ns=trace.ended_ns)
    found = stage_backlogs(trace)["orders"]
    total_s = consistency_lag_s(trace, "orders").sum()
    assert found.mean == pytest.approx(total_s / (trace.ended_ns / 1e9), rel=1e-9)
    assert found.at_end == 0


def test_the_write_side_is_a_stage_too() -> None:
    trace = make_trace(Plan(orders=1, write_ns=900_000))
    found = stage_backlogs(trace)
    assert list(found) == [WRITE_SIDE, "orders", "search"]
    write = found[WRITE_SIDE]
    at_ns = trace.commands.submitted.astype(np.int64)
    assert write.max == mailbox_backlog(trace, at_ns).max() > 3
    queueing = trace.commands.dequeued - trace.commands.submitted
    assert write.age_max_s == queueing.max() / np.timedelta64(1, "s")


def test_what_is_left_at_the_end_is_what_is_censored() -> None:
    trace = make_trace(OVERLOAD)
    search = stage_backlogs(trace)["search"]
    unseen = np.isnat(trace.deliveries_of("search").applied)
    assert search.at_end == np.count_nonzero(unseen) > 0
    first = trace.events.committed[unseen][0].astype(np.int64)
    assert search.age_max_s >= (trace.ended_ns - first) / 1e9


def test_a_run_without_load_has_no_backlog() -> None:
    found = stage_backlogs(make_trace(Plan(rate_per_s=0.0)))["orders"]
    assert (found.max, found.mean, found.at_end, found.age_max_s) == (0, 0.0, 0, 0.0)
    trace = make_trace()
    assert stage_backlogs(trace, after_ns=trace.ended_ns)["orders"].mean is None
