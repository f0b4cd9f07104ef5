"""From the services of a scenario to the draws of a run: one named random stream each."""

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Draws, Streams
from cqrs_sim.domain.queries import (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    Query,
)
from cqrs_sim.read_side.cache import AnswerCache
from cqrs_sim.scenario.scenario import QueryCache, QueryServices, Service


def draws(streams: Streams, name: str, service: Service) -> Draws | None:
    """The service times of a stage; None where no modelled time passes at all."""
    if service.distribution == "real" or service.mean == 0:
        return None
    stream = streams.stream(f"service/{name}")
    return Draws(stream, service.distribution, service.mean, service.spread)


def query_draws(streams: Streams, services: QueryServices) -> dict[type[Query], Draws | None]:
    """The service times of those kinds of query that have one of their own."""
    of_kind = {
        GetOrderById: services.by_id,
        GetOrdersByCustomer: services.by_customer,
        GetOrdersByStatus: services.by_status,
        GetOrderStatistics: services.statistics,
    }
    return {
        kind: draws(streams, f"query/{kind.__name__}", service)
        for kind, service in of_kind.items()
        if service is not None
    }


def cache_of(cache: QueryCache, kernel: Kernel, streams: Streams) -> AnswerCache | None:
    """The cache of answers; None if there is none."""
    if not cache.ttl:
        return None
    service = draws(streams, "cache", cache.service)
    return AnswerCache(kernel.clock, ttl_ns=cache.ttl, capacity=cache.capacity, service=service)
