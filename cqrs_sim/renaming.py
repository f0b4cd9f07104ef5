"""The customers' system of a run, and the ways from its log to the read models that show names.

With `customers.rename_rate = 0` there is none, and read models derive names from their events.
"""

from collections.abc import Callable
from typing import cast

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.customers.actors import CustomerActors
from cqrs_sim.customers.customer import RenameCustomer
from cqrs_sim.customers.feed import RenameFeed, Way
from cqrs_sim.customers.log import CustomerLog
from cqrs_sim.ids import CustomerId, Nanoseconds
from cqrs_sim.load_generation.workload import customer_number
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.renaming import NamedRows, Renames
from cqrs_sim.scenario.customers import without_renames
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.service_times import draws


class Renaming:
    """Customers who are renamed, and who hears of it."""

    def __init__(self, scenario: Scenario, kernel: Kernel, probe: Probe, streams: Streams) -> None:
        self._scenario = scenario
        self._probe = probe
        settings = scenario.customers
        self.log = CustomerLog()
        self._way = Way(
            kernel,
            self.log.events,
            delay_ns=settings.transport,
            index=len(scenario.read_models),
        )
        self.customers = CustomerActors(
            kernel,
            probe,
            self.log,
            self._number_of,
            draws(streams, "customers", settings.service) if settings.rename_rate else None,
            self._way.depart,
        )
        self._feeds: dict[str, RenameFeed] = {}
        self.not_rebuilt = without_renames(scenario.read_models, settings)
        """Why read models cannot be rebuilt beside themselves, by name."""

    def renames(self, name: str, pauses: Pauses | None) -> Renames | None:
        """What comes to a read model, and when it is not taken; None: its names never change."""
        if name not in self._scenario.renaming:
            return None
        feed = self._feeds[name] = self._way.feed(pauses)
        return Renames(self._probe, feed, self._scenario.read_models[name].rename_each)

    def submit(self, command: RenameCustomer, intended_ns: int) -> None:
        """Rename a customer; what becomes of it is measured alone."""
        self.customers.submit(command, Nanoseconds(intended_ns))

    def wake(self, name: str, receiver: Callable[[], None]) -> None:
        """Have the receiver of a read model's renames woken where it waits for events."""
        if name in self._feeds:
            self._feeds[name].wake = receiver

    async def wait_quiet(self) -> None:
        """Return when all is committed; what is on its way then is the last that comes."""
        await self.customers.wait_drained()
        self._way.end()

    def close(self) -> None:
        """Stop everything."""
        self.customers.close()

    def shown_by(self, name: str, model: ReadModel) -> ReadModel:
        """A read model of this name, to which every rename was applied if it shows any."""
        if name in self._scenario.renaming:
            for event in self.log.events:
                cast("NamedRows", model).rename(event.customer_id, event.name)
        return model

    def _number_of(self, customer_id: CustomerId) -> int | None:
        number = customer_number(customer_id)
        return number if number is not None and number < self._scenario.workload.customers else None
