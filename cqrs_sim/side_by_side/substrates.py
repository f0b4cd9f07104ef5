"""Substrates: what an architecture stands on, and so what its time is made of.

`modelled` takes the shared costs, in virtual time: the same numbers everywhere. The others take no
modelled time at all: the work itself is done, in real time, on this machine.
"""

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, TypeVar

import attrs

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.engines.experiment import ClosedLoad
from cqrs_sim.engines.planning import scripts_for, setup_for
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.load_generation.plan import Operation
from cqrs_sim.scenario.parts import Load, Service
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import Count, Duration, Rate
from cqrs_sim.scenario.wording import shown

Substrate: TypeAlias = Literal["modelled", "memory", "sqlite"]
EngineOfSubstrate: TypeAlias = Literal["virtual", "wall"]
Part = TypeVar("Part", bound=attrs.AttrsInstance)

SUBSTRATES: Final[dict[str, str]] = {
    "modelled": "modelled costs, virtual clock",
    "memory": "real work in memory, on this machine; crud joins nothing there, and works as simple",
    "sqlite": "real work on SQLite, on this machine: rows, events and views as each keeps them; "
    "what the tasks of tutorial show stays in memory",
}
"""What each is, in words."""
LONGEST: Final[dict[str, Duration]] = {
    "memory": Duration(2_400_000_000),
    "sqlite": Duration(8_000_000_000),
}
"""How long load is made in real time at most, where somebody waits for it: so long that 200
questions of each kind are asked, for the median of their responses."""
MOST_RATES: Final[dict[str, Rate]] = {"sqlite": Rate(600.0)}
"""Operations a second of the open load at most, by substrate. All actors share a thread, where
every question is answered and every batch of a read model is committed: with more load more of it
could not be sent when it should be."""
REAL = Service(distribution="real", mean=Duration(0))
MODELLED_DURATIONS = ("transport", "checkpoint", "replay", "append")
"""Keys of a scenario that are times of work, not settings, beside those of type `Service`."""
CLIENTS = Count(64)
"""Flat out: so many that the busiest station always has work, be the others ever so slow."""
FLAT_OUT: Final[dict[str, Duration]] = {
    "virtual": Duration(10_000_000_000),
    "wall": Duration(800_000_000),
}
"""How long clients go flat out at most, by engine."""
OPERATIONS = 30_000
"""After which they end sooner: what answers at once would be asked without end."""
PATIENCE: Final[dict[str, Duration]] = {
    "virtual": Duration(3_600_000_000_000),
    "wall": Duration(30_000_000_000),
}
"""How long the system may then take to finish, by engine; the run is over as soon as it has."""


def available() -> tuple[str, ...]:
    """The substrates that there are."""
    return tuple(name for name in SUBSTRATES if name != "sqlite" or _has_stores())


def checked_substrate(name: str) -> Substrate:
    """The name of a substrate.

    Raises:
        InvalidScenarioError: if there is none of that name, or not in this version.
    """
    match name:
        case "modelled" | "memory":
            return name
        case "sqlite" if _has_stores():
            return name
        case "sqlite":
            raise InvalidScenarioError(
                ['substrate = "sqlite": there is no key `store` in this version; take memory']
            )
        case _:
            known = ", ".join(SUBSTRATES)
            raise InvalidScenarioError([f"substrate = {shown(name)}: must be one of {known}"])


def on_substrate(scenario: Scenario, substrate: str) -> tuple[Scenario, EngineOfSubstrate]:
    """The scenario as it runs there, and the engine that runs it.

    Raises:
        InvalidScenarioError: if there is no such substrate.
    """
    name = checked_substrate(substrate)
    if name == "modelled":
        return scenario, "virtual"
    # Storing and telling are two steps in memory alone; where nothing crashes that changes nothing.
    settings = ["store=sqlite", "write_side.publish=log_first"] if name == "sqlite" else []
    real = read_scenario(to_toml(_real(scenario)), settings)
    duration = min(scenario.run.duration, LONGEST[name])
    warm_up = min(scenario.run.warm_up, Duration(duration // 10))
    timed = attrs.evolve(real.run, duration=duration, warm_up=warm_up)
    load = attrs.evolve(real.load, rate=rate_on(name, real.load.rate))
    return attrs.evolve(real, run=timed, load=load), "wall"


def rate_on(substrate: str, rate: Rate | None) -> Rate | None:
    """The rate of an open load as it is made there."""
    if rate is None or substrate not in MOST_RATES:
        return rate
    return min(rate, MOST_RATES[substrate])


def flat_out(scenario: Scenario, engine: EngineOfSubstrate) -> Scenario:
    """The same system and mix under clients that do not think, for a short while."""
    return attrs.evolve(
        scenario,
        thresholds=(),
        load=Load(model="closed", clients=CLIENTS),
        run=attrs.evolve(
            scenario.run, duration=FLAT_OUT[engine], warm_up=Duration(0), drain=PATIENCE[engine]
        ),
    )


def flat_out_load(scenario: Scenario, seed: int) -> ClosedLoad:
    """What the clients of a flat-out run work through: the same for all architectures."""
    streams = Streams(seed)
    scripts = scripts_for(scenario, streams)
    return ClosedLoad(setup_for(scenario, streams), _first(scripts, OPERATIONS))


def _first(scripts: Iterator[tuple[Operation, ...]], count: int) -> Iterator[tuple[Operation, ...]]:
    """Scripts with at least so many operations together."""
    left = count
    for script in scripts:
        yield script
        left -= len(script)
        if left <= 0:
            return


def _has_stores() -> bool:
    return any(field.name == "store" for field in attrs.fields(Scenario))


def _real(part: Part) -> Part:
    """A part of a scenario without any modelled time in it."""
    changes = {
        field.name: _really(field.name, getattr(part, field.name))
        for field in attrs.fields(type(part))
    }
    return attrs.evolve(part, **changes)  # type: ignore[misc]  # The bound is one, mypy cannot tell


def _really(name: str, value: object) -> object:
    if isinstance(value, Load):
        return value  # Time in it is a client's pause, not the system's work.
    if isinstance(value, Service):
        return REAL if value.mean else value  # What takes no time takes none here either.
    if isinstance(value, dict):
        return {key: _really(key, member) for key, member in value.items()}
    if attrs.has(type(value)):
        return _real(value)  # type: ignore[type-var]  # `attrs.has` has told, mypy cannot
    return Duration(0) if name in MODELLED_DURATIONS else value
