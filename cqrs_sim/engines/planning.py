"""From a scenario to its plan: the one place that maps scenario fields onto the layer `load`.

All engines run the same plan of a scenario and seed, which is what makes their traces comparable.
"""

from collections.abc import Iterator
from pathlib import Path

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import CreateOrder
from cqrs_sim.domain.queries import WHOLE, Page
from cqrs_sim.errors import InvalidCommandLogError, InvalidScenarioError
from cqrs_sim.load_generation.arrivals import RateProfile, RateSegment, arrival_times_ns
from cqrs_sim.load_generation.plan import Operation, Plan, closed_scripts, draw_open_plan
from cqrs_sim.load_generation.popularity import Popularity
from cqrs_sim.load_generation.reads import Reads
from cqrs_sim.load_generation.renames import RenamePlan, draw_renames
from cqrs_sim.load_generation.replay import CommandLog, read_command_log, replay_plan
from cqrs_sim.load_generation.workload import Workload, setup_orders
from cqrs_sim.scenario.scenario import Load, Scenario
from cqrs_sim.scenario.units import format_duration


def plan_for(scenario: Scenario, streams: Streams) -> Plan:
    """The plan of a scenario whose load is open or a replay.

    Raises:
        InvalidCommandLogError: if the recorded log of a replay cannot be read.
        InvalidScenarioError: if the load is closed: it has scripts, and no times (`scripts_for`).
    """
    load = scenario.load
    if load.model == "closed":
        raise InvalidScenarioError(["load.model = closed: a closed load has no plan"])
    if load.model == "replay":
        if load.log is None:
            raise InvalidScenarioError(["load.log: a replay needs a recorded command log"])
        plan = replay_plan(recorded(Path(load.log)), load.speed)
        span_ns = int(plan.commands_intended_ns[-1])
        if scenario.run.warm_up and scenario.run.warm_up >= span_ns:
            warm_up, span = format_duration(scenario.run.warm_up), format_duration(span_ns)
            mistake = (
                f'run.warm_up = "{warm_up}": must be shorter than the replay, which takes {span}'
            )
            raise InvalidScenarioError([f"{mistake}; 0s leaves nothing out"])
        return plan
    intended_ns = arrival_times_ns(
        load.process, _profile(load), scenario.run.duration, streams.stream("load.arrivals")
    )
    return draw_open_plan(workload_of(scenario), reads_of(scenario), intended_ns, streams)


def load_ends_ns(scenario: Scenario, plan: Plan) -> int:
    """When the load of a plan ends: a replay with its log, all else with its duration."""
    if scenario.load.model != "replay":
        return scenario.run.duration
    return int(plan.commands_intended_ns[-1]) if len(plan.commands) else 0


def recorded(path: Path) -> CommandLog:
    """A recorded command log.

    Raises:
        InvalidCommandLogError: with every mistake in it, each with the name of the file.
    """
    try:
        return read_command_log(path)
    except InvalidCommandLogError as error:
        mistakes = [m if m.startswith(f"{path}: ") else f"{path}: {m}" for m in error.mistakes]
        raise InvalidCommandLogError(mistakes) from None


def scripts_for(scenario: Scenario, streams: Streams) -> Iterator[tuple[Operation, ...]]:
    """The endless scripts that the clients of a closed load work through.

    The orders of `setup_for` must exist before the first of them.
    """
    return closed_scripts(workload_of(scenario), reads_of(scenario), streams)


def setup_for(scenario: Scenario, streams: Streams) -> tuple[CreateOrder, ...]:
    """The orders to create before a closed load begins (an open plan holds its own)."""
    return setup_orders(workload_of(scenario), streams)


def renames_for(scenario: Scenario, streams: Streams, ends_ns: int) -> RenamePlan | None:
    """The renames of a scenario until its load ends; None if nobody is renamed."""
    if not scenario.customers.rename_rate:
        return None
    return draw_renames(
        streams,
        process=scenario.load.process,
        rate_per_s=scenario.customers.rename_rate,
        customers=scenario.workload.customers,
        ends_ns=ends_ns,
    )


def workload_of(scenario: Scenario) -> Workload:
    """Which commands a scenario sends."""
    workload = scenario.workload
    return Workload(
        popularity=Popularity(
            choices=workload.orders,
            kind=workload.popularity,
            zipf_exponent=workload.zipf_exponent,
            hot_choices=min(workload.hot_orders, workload.orders),
            hot_share=workload.hot_share,
        ),
        kind=workload.kind,
        customers=workload.customers,
        cancel_share=workload.cancel_share,
        invalid_share=workload.invalid_share,
    )


def reads_of(scenario: Scenario) -> Reads:
    """Which queries a scenario sends, and how many sessions."""
    queries, mix = scenario.queries, scenario.queries.mix
    return Reads(
        share=queries.share,
        sessions=queries.sessions,
        by_id=mix.by_id,
        by_customer=mix.by_customer,
        by_status=mix.by_status,
        statistics=mix.statistics,
        page=Page(limit=queries.page) if queries.page else WHOLE,
    )


def _profile(load: Load) -> RateProfile:
    if load.rate is not None:
        return RateProfile.constant(load.rate)
    return RateProfile(
        tuple(RateSegment(part.duration, part.start, part.end) for part in load.profile)
    )
