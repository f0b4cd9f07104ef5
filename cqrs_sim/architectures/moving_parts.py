"""Moving parts: what a scenario's architecture needs, and how each of that can fail.

Read from the scenario, not from the name of an architecture, so that it holds for any.
"""

from collections.abc import Iterator, Mapping

import attrs

from cqrs_sim.scenario.scenario import ReadModel, Scenario


@attrs.frozen(kw_only=True)
class MovingParts:
    """What one architecture is made of."""

    actors: tuple[str, ...]
    """Kinds of actor."""
    channels: tuple[str, ...]
    """Bounded ones, between the log and a read model."""
    hops: Mapping[str, tuple[str, ...]]
    """By read model: where an event is, from its commit until an answer shows it."""
    databases: tuple[str, ...]
    """Those that stages share; the rest have servers of their own."""
    failure_modes: tuple[str, ...]
    """What can go wrong, in a few words each."""

    @property
    def longest_path(self) -> int:
        """Hops of an event to the read model that is farthest."""
        return max(map(len, self.hops.values()), default=0)

    @property
    def count(self) -> int:
        """Kinds of actor, channels and databases together."""
        return len(self.actors) + len(self.channels) + len(self.databases)


def moving_parts(scenario: Scenario) -> MovingParts:
    """The moving parts of a scenario."""
    models = scenario.read_models
    return MovingParts(
        actors=tuple(_actors(scenario)),
        channels=tuple(
            f"log to {name}" for name, model in models.items() if model.projection == "async"
        ),
        hops={name: tuple(_hops(scenario, name, model)) for name, model in models.items()},
        databases=tuple(_databases(scenario)),
        failure_modes=tuple(dict.fromkeys(_failure_modes(scenario))),
    )


def _actors(scenario: Scenario) -> Iterator[str]:
    yield "an order actor for each order"
    for name, model in scenario.read_models.items():
        if model.projection == "async":
            yield f"a projector of {name}"
        elif model.projection == "task":
            yield f"a task for each event and {name}"
    if scenario.queries.cache.ttl:
        yield "a cache of answers"


def _hops(scenario: Scenario, name: str, model: ReadModel) -> Iterator[str]:
    yield "commit"
    if model.projection == "task":
        yield "task"
    if model.projection == "async":
        if model.transport:
            yield "transport"
        yield "channel"
        yield "projector"
    yield name
    if scenario.queries.cache.ttl and name != "search":  # No kind of query asks it.
        yield "cache"


def _databases(scenario: Scenario) -> Iterator[str]:
    used = [scenario.write_side.database]
    used += [model.database for model in scenario.read_models.values()]
    yield from (name for name in scenario.databases if name in used)


def _failure_modes(scenario: Scenario) -> Iterator[str]:
    models = scenario.read_models.values()
    kinds = {model.projection for model in models}
    write = scenario.write_side.database
    if write is not None and any(model.database == write for model in models):
        yield "reads and writes wait for each other's connections"
    if any(model.projection == "inline" and model.form == "view" for model in models):
        yield "a slow view slows every write, and a view that fails fails it"
    if any(model.form == "joined" for model in models):
        yield "every question pays for the form that suits the writes"
    if "async" in kinds:
        yield "an answer may lack what its reader has just written"
        yield "a projector that stops falls behind until somebody looks at its lag"
    if any(model.transport for model in models):
        yield "the way between the databases may be slow or cut: the lag grows, nothing is lost"
    if scenario.queries.cache.ttl:
        yield "an answer may be older than its read model, by up to the time to live"
    gaps = {model.on_gap for model in models if model.projection == "task"}
    if "ignore" in gaps:
        yield "events of one order overtake each other, and the read model stays wrong"
    if "buffer" in gaps:
        yield "what follows a lost event of its order waits for ever"
    if gaps:
        yield "a task that fails or is cut off loses its event for good"
    if scenario.write_side.publish == "dual_write":
        yield "a crash between storing and publishing loses the event for all read models"
