"""What no single field of a scenario shows to be wrong: the rules across fields.

Each rule takes the parts it is about and yields one line a mistake. A part may be missing (None):
the reader of a file leaves out what has mistakes of its own, so that one slip is not reported
twice, and still hears of every contradiction elsewhere.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from cqrs_sim.scenario.customers import of_customers
from cqrs_sim.scenario.deliveries import (
    is_delivered_plainly,
    of_crashes,
    of_stores,
    unusual_in_a_store,
)
from cqrs_sim.scenario.enrichments import of_enrichments
from cqrs_sim.scenario.handling import of_handling
from cqrs_sim.scenario.indexes import of_indexes
from cqrs_sim.scenario.kept_forms import of_forms, of_kept
from cqrs_sim.scenario.parts import (
    READ_MODEL_NAMES,
    Customers,
    Database,
    Load,
    Log,
    Pause,
    PlannedRebuild,
    Queries,
    QueryCache,
    RateSegment,
    ReadModel,
    Run,
    Service,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.projections import of_gaps, of_projections
from cqrs_sim.scenario.shared_databases import databases_used, of_databases
from cqrs_sim.scenario.turns import of_turns
from cqrs_sim.scenario.units import format_duration
from cqrs_sim.scenario.wording import joined, nearest

MOST_OPERATIONS = 20_000_000
"""A larger plan fits no memory: the trace of one operation takes about 200 bytes."""

READ_MODEL_OF_QUERY = {
    "by_id": "orders",
    "by_customer": "orders",
    "by_status": "orders",
    "statistics": "statistics",
}
"""Who answers each kind of query; nobody asks `search`."""


def contradictions_among(
    *,
    run: Run | None = None,
    load: Load | None = None,
    workload: Workload | None = None,
    queries: Queries | None = None,
    log: Log | None = None,
    write_side: WriteSide | None = None,
    read_models: Mapping[str, ReadModel] | None = None,
    customers: Customers | None = None,
    databases: Mapping[str, Database] | None = None,
    store: str | None = None,
) -> list[str]:
    """The contradictions within and among the parts given; one line a mistake."""
    mistakes: list[str] = []
    if load is not None:
        mistakes += _of_load(load)
    if run is not None and load is not None:
        mistakes += _of_length(run, load)
    if workload is not None:
        mistakes += _of_workload(workload)
    if queries is not None:
        mistakes += _of_service("queries.service", queries.service)
        mistakes += _of_services(queries)
        mistakes += _of_cache(queries.cache)
        mistakes += _of_mix(queries)
        mistakes += _of_strategies(queries)
    if log is not None:
        mistakes += _of_log(log)
    if write_side is not None:
        mistakes += _of_service("write_side.service", write_side.service)
        mistakes += _of_pauses("write_side", write_side.pauses)
        mistakes += of_crashes("write_side", write_side.crashes)
        mistakes += of_stores(write_side, store, log)
        mistakes += of_kept(write_side)
        mistakes += of_handling(write_side, run, log, read_models, store)
    if read_models is not None:
        mistakes += _of_read_models(read_models)
        for name, model in read_models.items():
            mistakes += _of_pauses(joined("read_models", name), model.pauses)
            mistakes += _of_rebuilds(joined("read_models", name), model.rebuilds)
            mistakes += of_crashes(joined("read_models", name), model.crashes)
    if run is not None:
        mistakes += of_turns(run, load, write_side)
    if queries is not None and read_models is not None:
        mistakes += _of_answers(queries, read_models)
    if read_models is not None:
        mistakes += of_projections(read_models, write_side)
        mistakes += of_gaps(read_models, write_side)
        mistakes += of_indexes(read_models, write_side)
        mistakes += of_enrichments(read_models, workload, store)
    if read_models is not None and write_side is not None:
        mistakes += of_forms(write_side, read_models)
        if store == "sqlite":
            mistakes += unusual_in_a_store(read_models)
        mistakes += _of_rebuilt_deliveries(write_side, read_models)
    if customers is not None:
        mistakes += _of_service("customers.service", customers.service)
        mistakes += of_customers(customers, run, load, write_side, read_models, store)
    if databases is not None:
        mistakes += of_databases(databases, databases_used(write_side, read_models), run)
    return mistakes


def expected_operations(run: Run, load: Load) -> float:
    """Expected number of operations of an open load: the integral of its rate over the run.

    The last rate of a profile holds until the end; a profile longer than the run is cut.
    """
    duration_s = run.duration / 1e9
    if not load.profile:
        return (load.rate or 0.0) * duration_s
    operations, begun_s = 0.0, 0.0
    for segment in load.profile:
        operations += _operations_within(segment, duration_s - begun_s)
        begun_s += segment.duration / 1e9
    return operations + load.profile[-1].end * max(0.0, duration_s - begun_s)


def _operations_within(segment: RateSegment, left_s: float) -> float:
    length_s = segment.duration / 1e9
    used_s = min(max(left_s, 0.0), length_s)
    reached = segment.start + (segment.end - segment.start) * used_s / length_s
    return (segment.start + reached) / 2 * used_s


def unknown_read_model(name: object) -> str:
    """The mistake of a read model that does not exist."""
    near = nearest(name, READ_MODEL_NAMES)
    hint = (
        f"there are {', '.join(READ_MODEL_NAMES)}"
        if near is None
        else f"did you mean read_models.{near}?"
    )
    return f"{joined('read_models', name)}: unknown read model; {hint}"


def _of_load(load: Load) -> Iterator[str]:
    has_rate, has_profile = load.rate is not None, bool(load.profile)
    if load.model == "open":
        if has_rate and has_profile:
            yield "load.rate and load.profile: an open load has one of them, not both"
        if not has_rate and not has_profile:
            yield 'load.rate: an open load needs it, such as "800/s", or else load.profile'
    else:
        for name, is_given in (("rate", has_rate), ("profile", has_profile)):
            if is_given:
                yield f'load.{name}: belongs to the open model, but load.model = "{load.model}"'
    if load.model == "replay" and load.log is None:
        yield "load.log: a replay needs the path of a recorded command log"
    if load.model != "replay" and load.log is not None:
        yield f'load.log: belongs to a replay, but load.model = "{load.model}"'
    for index, segment in enumerate(load.profile):
        if segment.start == 0.0 and segment.end == 0.0:
            yield f"load.profile[{index}]: the rates at start and end must not both be 0"
    if load.think_time.distribution == "real":
        yield 'load.think_time.distribution = "real": a pause has no work of its own'
    else:
        yield from _of_service("load.think_time", load.think_time)


def _of_length(run: Run, load: Load) -> Iterator[str]:
    if load.model == "replay":
        # Its length is the log's, which nobody has read yet.
        return
    if run.warm_up >= run.duration:
        warm_up, duration = format_duration(run.warm_up), format_duration(run.duration)
        yield f'run.warm_up = "{warm_up}": must be shorter than run.duration = "{duration}"'
    if load.model != "open" or (load.rate is None) != bool(load.profile):
        return
    operations = expected_operations(run, load)
    key = "load.profile" if load.profile else "load.rate"
    if operations > MOST_OPERATIONS:
        yield (
            f"{key}: makes about {operations:,.0f} operations in run.duration, "
            f"more than the {MOST_OPERATIONS:,} that a run can hold"
        )
    # None at all: then every segment has no rate, which has a line of its own.
    if 0 < operations < 1:
        yield f"{key}: makes about {operations:.2g} operations in run.duration, fewer than one"


def _of_workload(workload: Workload) -> Iterator[str]:
    if workload.kind == "lifecycle" and workload.invalid_share == 1.0:
        yield "workload.invalid_share: if every command is invalid, no order is ever made"
    if workload.popularity != "hot_set":
        return
    hot, orders = workload.hot_orders, workload.orders
    if hot > orders:
        yield f"workload.hot_orders = {hot}: must not be more than workload.orders = {orders}"
    elif hot == orders and workload.hot_share < 1:
        yield (
            f"workload.hot_orders = {hot}: leaves no order for the other commands; "
            "make workload.orders larger, or workload.hot_share = 1"
        )


def _of_service(path: str, service: Service) -> Iterator[str]:
    drawn = {"exponential": "an exponential", "lognormal": "a lognormal"}.get(service.distribution)
    if drawn is not None and service.mean == 0:
        yield f'{path}.mean: {drawn} time needs a mean above 0, such as "5ms"'
    if service.distribution == "lognormal" and service.spread == 0:
        yield f"{path}.spread = 0: a lognormal time needs a spread above 0, such as 0.5"
    if service.distribution != "lognormal" and service.spread != 0:
        yield f'{path}.spread = {service.spread}: must be 0, unless its distribution is "lognormal"'
    if service.distribution == "real" and service.mean != 0:
        mean = format_duration(service.mean)
        yield f'{path}.mean = "{mean}": a real service has no modelled time; leave the mean out'


def _of_log(log: Log) -> Iterator[str]:
    if log.commit.distribution == "real":
        yield (
            'log.commit.distribution = "real": a commit does its real work wherever there is a '
            'store; choose store = "sqlite" and leave log.commit out'
        )
    else:
        yield from _of_service("log.commit", log.commit)


def _of_services(queries: Queries) -> Iterator[str]:
    for query in READ_MODEL_OF_QUERY:
        service: Service | None = getattr(queries.services, query)
        if service is not None:
            yield from _of_service(f"queries.services.{query}", service)


def _of_cache(cache: QueryCache) -> Iterator[str]:
    yield from _of_service("queries.cache.service", cache.service)
    if not cache.ttl and cache != QueryCache():
        yield (
            "queries.cache.ttl = 0s: there is no cache without a time to live, such as "
            '"500ms"; leave its other keys out'
        )


def _of_mix(queries: Queries) -> Iterator[str]:
    mix = queries.mix
    if queries.share > 0 and not mix.by_id + mix.by_customer + mix.by_status + mix.statistics > 0:
        yield "queries.mix: all weights are 0, so no query can be chosen"


def _of_strategies(queries: Queries) -> Iterator[str]:
    for query in READ_MODEL_OF_QUERY:
        if query != "by_id" and getattr(queries.strategy, query) == "write_side":
            yield (
                f'queries.strategy.{query} = "write_side": an order actor knows its own order '
                'alone, so only by_id can ask it; use "eventual" or "at_least"'
            )


def _of_pauses(path: str, pauses: tuple[Pause, ...]) -> Iterator[str]:
    # One that begins after the end never comes, as the rest of a profile: runs are cut short.
    resumed = 0
    for index, pause in enumerate(pauses):
        if pause.at < resumed:
            at, ended = format_duration(pause.at), format_duration(resumed)
            yield (
                f'{path}.pauses[{index}].at = "{at}": must not be before the pause above it has '
                f"ended, at {ended}"
            )
        resumed = max(resumed, pause.at + pause.duration)


def _of_rebuilt_deliveries(side: WriteSide, models: Mapping[str, ReadModel]) -> Iterator[str]:
    for name, model in models.items():
        if model.rebuilds and model.projection == "async" and not is_delivered_plainly(side, model):
            yield (
                f"{joined('read_models', name)}.rebuilds: a read model that may lose or double "
                "events has none; leave them out, or delivery, idempotent, crashes and "
                "write_side.publish as they are by default"
            )


def _of_rebuilds(path: str, rebuilds: tuple[PlannedRebuild, ...]) -> Iterator[str]:
    # As for pauses: one that begins after the end never comes.
    for index, (before, rebuild) in enumerate(pairwise(rebuilds), start=1):
        if rebuild.at <= before.at:
            at, above = format_duration(rebuild.at), format_duration(before.at)
            yield (
                f'{path}.rebuilds[{index}].at = "{at}": must be after the rebuild above it, '
                f"which begins at {above}"
            )


def _of_read_models(read_models: Mapping[str, ReadModel]) -> Iterator[str]:
    if not read_models:
        yield f"read_models: at least one is needed, of {', '.join(READ_MODEL_NAMES)}"
    for name, read_model in read_models.items():
        if name not in READ_MODEL_NAMES:
            yield unknown_read_model(name)
        path, enrichment = joined("read_models", name), read_model.enrichment
        yield from _of_service(f"{path}.service", read_model.service)
        if enrichment is not None:
            yield from _of_service(f"{path}.enrichment.service", enrichment.service)


def _of_answers(queries: Queries, read_models: Mapping[str, ReadModel]) -> Iterator[str]:
    if queries.share == 0.0:
        return
    for query, read_model in READ_MODEL_OF_QUERY.items():
        weight: float = getattr(queries.mix, query)
        if getattr(queries.strategy, query) == "write_side":
            continue
        if weight > 0 and read_model not in read_models:
            yield (
                f"queries.mix.{query} = {weight:g}: is answered by the read model {read_model}, "
                "which the scenario does not have"
            )
