"""The actors of the customers: one for each that is being renamed, with a mailbox.

Commands of one customer are handled one after another, those of different ones side by side. An
actor leaves memory when nothing is left to do for it: its state comes back from the log.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Protocol

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.reply import Latch
from cqrs_sim.customers.customer import RenameCustomer, decide
from cqrs_sim.customers.events import CustomerRenamed
from cqrs_sim.customers.log import CustomerLog
from cqrs_sim.errors import CustomerRejectedError
from cqrs_sim.ids import CustomerId, Nanoseconds
from cqrs_sim.probe import Probe

MAILBOX = 64
"""Capacity of each mailbox; what finds no room waits in line before it."""

BEHIND_COMMANDS = 2**40
"""Index of the first timer: behind those of the order actors, which have their commands' ids."""


class ServiceTimes(Protocol):
    """Modelled times to handle renames; `actors.randomness.Draws` are some."""

    def __getitem__(self, index: int, /) -> int:
        """That of one rename, in nanoseconds, by when it was submitted among all."""


@attrs.frozen
class Envelope:
    """A command on its way."""

    number: int
    """Among all that were submitted, from 0."""
    row: int
    """Of it in the trace."""
    command: RenameCustomer


@attrs.define(eq=False)
class _Resident:
    """A customer's actor in memory."""

    mailbox: Mailbox[Envelope]
    actor: Actor | None = None
    open_count: int = 0
    """Commands that were submitted and are not yet answered."""


class CustomerActors:
    """The way in for renames."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        log: CustomerLog,
        numbers: Callable[[CustomerId], int | None],
        service: ServiceTimes | None,
        committed: Callable[[CustomerRenamed], None],
    ) -> None:
        """Take renames.

        Args:
            kernel: whose actors they are.
            probe: what is told of them.
            log: where events go.
            numbers: of the customers that there are, by id; None: there is none such.
            service: modelled times; None: none passes.
            committed: called with each event when it is visible in the log.
        """
        self._kernel = kernel
        self._probe = probe
        self._log = log
        self._numbers = numbers
        self._service = service
        self._committed = committed
        self._residents: dict[CustomerId, _Resident] = {}
        self._submitted_count = 0
        self.rejected: list[CustomerRejectedError] = []
        """Why renames were, in sequence; in the trace they stay without a commit."""
        self._drained: Latch | None = None

    def submit(self, command: RenameCustomer, intended_ns: Nanoseconds) -> int:
        """Put a command to its customer's mailbox; the row of the trace that tells of it."""
        customer_id, number = command.customer_id, self._numbers(command.customer_id)
        row = self._probe.rename_submitted(-1 if number is None else number, intended_ns)
        resident = self._residents.get(customer_id) or self._activate(customer_id)
        resident.open_count += 1
        resident.mailbox.tell(Envelope(self._submitted_count, row, command))
        self._submitted_count += 1
        return row

    @property
    def residents(self) -> Mapping[CustomerId, object]:
        """Who is in memory now."""
        return self._residents

    async def wait_drained(self) -> None:
        """Return when every rename that was submitted has been handled."""
        if self._residents:
            self._drained = Latch(self._kernel, "the customers to drain")
            await self._drained.wait()

    def close(self) -> None:
        """End the actors where they are; what they had not committed never is."""
        residents, self._residents = self._residents, {}
        for resident in residents.values():
            resident.mailbox.remove_all()
            assert resident.actor is not None, "it was started"
            self._kernel.discard(resident.actor)

    def _activate(self, customer_id: CustomerId) -> _Resident:
        name = f"customer {customer_id}"
        resident = _Resident(Mailbox(self._kernel, name, MAILBOX))
        self._residents[customer_id] = resident
        resident.actor = self._kernel.spawn(self._run(customer_id, resident), name)
        return resident

    def _run(self, customer_id: CustomerId, resident: _Resident) -> Generator[object, None, None]:
        kernel, service, mailbox = self._kernel, self._service, resident.mailbox
        while resident.open_count:
            envelope = mailbox.take()
            if envelope is None:
                yield mailbox.wait()
                continue
            self._probe.rename_dequeued(envelope.row)
            if service is not None:
                number = envelope.number
                yield kernel.sleep(service[number], Rank.WRITE, BEHIND_COMMANDS + number)
            self._handle(envelope)
            resident.open_count -= 1
        del self._residents[customer_id]
        if self._drained is not None and not self._residents:
            self._drained.open()

    def _handle(self, envelope: Envelope) -> None:
        command, now = envelope.command, self._kernel.clock.instant_ns
        is_known = self._numbers(command.customer_id) is not None
        customer = self._log.state_of(command.customer_id) if is_known else None
        try:
            event = decide(customer, command, now)
        except CustomerRejectedError as error:
            self.rejected.append(error)
            return
        assert customer is not None, "decided"
        position = self._log.append(customer.version, event)
        # Subtle: the commit is stamped before any projector hears of it.
        self._probe.rename_committed(envelope.row, position, event.version)
        self._committed(event)
