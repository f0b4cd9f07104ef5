"""What got nothing, counted from the trace, and by the summary."""

import pytest

from cqrs_sim import simulation
from cqrs_sim.analysis.unserved import count_unserved
from cqrs_sim.highest_rate.turned_away import TurnedAway, remarkable, turned_away


def test_the_trace_is_counted_as_its_summary_is() -> None:
    settings = (
        "run.duration=2s", "run.warm_up=500ms", "run.drain=100ms", "load.rate=400/s",
        "workload.orders=5", "write_side.policy=reject", "write_side.mailbox=1",
        "write_side.service.mean=10ms",
        "queries.share=0.5", "queries.strategy.by_id=at_least", "queries.timeout=1ms",
        "read_models.orders.service.mean=20ms",
    )  # fmt: skip
    result = simulation.run(simulation.load_scenario("default", settings), seed=1)
    found = turned_away(result.trace, after_ns=500_000_000)
    by_summary = count_unserved(result.summary.to_json())
    assert found == tuple(
        TurnedAway(what=what, how=how, share=count / n) for what, how, count, n in by_summary
        if count
    )  # fmt: skip
    told = {(one.what, one.how) for one in found}
    assert {("commands", "were refused"), ("at_least queries", "timed out")} <= told


@pytest.mark.parametrize(("share", "is_told"), [(0.019, False), (0.021, True)])
def test_a_share_is_remarkable_by_its_mean_over_all_seeds(share: float, is_told: bool) -> None:
    one = TurnedAway(what="commands", how="were refused", share=share)
    found = remarkable([(one,), ()])
    assert bool(found) == is_told
    assert all(told.share == share / 2 for told in found)
