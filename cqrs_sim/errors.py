"""All errors of the package, drawn as a tree and named by whose fault they are.

CqrsSimError
├── InvalidScenarioError         the caller's configuration is impossible; raised before a run
├── InvalidCommandLogError       a recorded command log cannot be replayed as it stands
├── ResultFolderError            a result cannot be written, or a folder holds no valid one
├── StoreError                   a durable store cannot be opened, read or written
├── IncomparableResultsError     two results are not of one kind, so a difference means nothing
├── CommandRejectedError         the domain says no: expected, counted, part of the results
│   ├── InvalidCommandError      the command's own fields break a rule, whatever the order's state
│   │   └── InvalidQuantityError an item's quantity is not positive
│   ├── DuplicateCommandError    its request id belongs to another command
│   ├── OrderNotFoundError       the order has no events
│   ├── OrderAlreadyExistsError  the order was created before
│   └── InvalidTransitionError   the order's status does not allow the command
├── CustomerRejectedError        the customers' system says no to a rename; nothing was recorded
│   ├── CustomerNotFoundError    it knows no such customer
│   └── InvalidNameError         the new name is empty, or the one that the customer has
├── ConcurrencyConflictError     an append saw another version than it expected; told to a caller
│                                when no attempt was left
├── CustomerConflictError        the same in the customers' log
├── MailboxFullError             a full mailbox with policy `reject` refused a message
├── ActorStoppedError            told or asked after the drain began, or never answered by its end
├── WriteSideDownError           the write side's process ended, or is not there: outcome unknown
├── FreshnessTimeoutError        `at_least(position)` was not reached in time
├── IncompleteTraceError         an analysis needs columns or rows that the trace lacks
├── UnknownSchemaError           a stored event is of a type or schema unknown to this program
├── UpcastError                  a stored event of an older schema is not what that schema says
├── UnknownPastError             a question about a time that the log does not cover
├── ActorCrashedError            an actor raised; the run ends with its name and message
├── ForeignAwaitError            an actor awaited what its kernel does not know (trio, asyncio)
├── DeadlockError                nothing can run any more, and these actors still wait
└── InvariantViolationError      a bug in cqrs_sim; never caught inside the package
"""

from collections.abc import Sequence

from cqrs_sim.ids import CustomerId, OrderId, Position, ProductId, Version


class CqrsSimError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidScenarioError(CqrsSimError, ValueError):
    """The scenario is impossible: every mistake is listed, one line each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class InvalidCommandLogError(CqrsSimError, ValueError):
    """A recorded command log has bad lines: every one is listed with its number."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class ResultFolderError(CqrsSimError, OSError):
    """A result cannot be written there, or the folder does not hold a valid result."""


class StoreError(CqrsSimError, OSError):
    """The environment's fault: a store is locked, damaged, full, of another version or not ours.

    One line that names the file. A write that failed is not tried again; what was committed before
    is intact.
    """


class IncomparableResultsError(CqrsSimError, ValueError):
    """What two results measured is not one thing: other engines, or no metric in common."""


class CommandRejectedError(CqrsSimError):
    """The domain refused a command; nothing was recorded."""

    order_id: OrderId


class InvalidCommandError(CommandRejectedError):
    """The command's fields break at least one rule; all broken rules are listed."""

    def __init__(self, order_id: OrderId, reasons: Sequence[str]) -> None:
        self.order_id = order_id
        self.reasons = tuple(reasons)
        super().__init__("; ".join(self.reasons))


class DuplicateCommandError(CommandRejectedError):
    """A request id names one command for ever, and this one has the id of another."""

    def __init__(self, order_id: OrderId, request_id: str) -> None:
        self.order_id = order_id
        self.request_id = request_id
        super().__init__(f"request id {request_id!r} was used for another command")


class OrderNotFoundError(CommandRejectedError):
    """No such order: unlike `InvalidTransitionError` there is no state to judge by."""

    def __init__(self, order_id: OrderId) -> None:
        self.order_id = order_id
        super().__init__(f"order not found: {order_id}")


class OrderAlreadyExistsError(CommandRejectedError):
    """The order was created before."""

    def __init__(self, order_id: OrderId) -> None:
        self.order_id = order_id
        super().__init__(f"order already exists: {order_id}")


class InvalidTransitionError(CommandRejectedError):
    """The order exists, but its status does not allow the command."""

    def __init__(self, order_id: OrderId, status: str, message: str) -> None:
        self.order_id = order_id
        self.status = status
        super().__init__(message)


class InvalidQuantityError(InvalidCommandError):
    """An item's quantity is not positive (found after the shape of the command was accepted)."""

    def __init__(self, order_id: OrderId, product_id: ProductId) -> None:
        self.product_id = product_id
        super().__init__(order_id, [f"invalid quantity for product {product_id}"])


class CustomerRejectedError(CqrsSimError):
    """The customers' system refused a rename; nothing was recorded."""

    def __init__(self, customer_id: CustomerId, message: str) -> None:
        self.customer_id = customer_id
        super().__init__(f"customer {customer_id}: {message}")


class CustomerNotFoundError(CustomerRejectedError):
    """No such customer."""

    def __init__(self, customer_id: CustomerId) -> None:
        super().__init__(customer_id, "there is no such customer")


class InvalidNameError(CustomerRejectedError):
    """No name for this customer: it is empty, or the one that it has."""


class ConcurrencyConflictError(CqrsSimError):
    """Another append to the same order came first."""

    def __init__(self, order_id: OrderId, expected: Version, actual: Version) -> None:
        self.order_id = order_id
        self.expected = expected
        self.actual = actual
        super().__init__(f"order {order_id}: expected version {expected}, log has {actual}")


class CustomerConflictError(CqrsSimError):
    """Another rename of the customer came first."""

    def __init__(self, customer_id: CustomerId, expected: Version, actual: Version) -> None:
        self.customer_id = customer_id
        self.expected = expected
        self.actual = actual
        super().__init__(f"customer {customer_id}: expected version {expected}, log has {actual}")


class MailboxFullError(CqrsSimError):
    """The mailbox is full and its policy is `reject`; with `block` the sender waits instead."""

    def __init__(self, mailbox: str, capacity: int) -> None:
        self.mailbox = mailbox
        self.capacity = capacity
        super().__init__(f"mailbox of {mailbox} is full ({capacity} messages)")


class ActorStoppedError(CqrsSimError):
    """The actor takes no more messages; unlike `MailboxFullError` trying again is no use."""

    def __init__(self, actor: str) -> None:
        self.actor = actor
        super().__init__(f"{actor} has stopped")


class WriteSideDownError(CqrsSimError):
    """The process of the write side ended before it had answered, or nobody is there to ask.

    In the first case the outcome is unknown: what was asked may have been done. Unlike
    `ActorStoppedError` the run goes on, and the process comes back.
    """

    def __init__(self, order_id: OrderId) -> None:
        self.order_id = order_id
        super().__init__(f"the write side of {order_id} is down")


class FreshnessTimeoutError(CqrsSimError):
    """The read model did not reach the wanted position in time."""

    def __init__(self, read_model: str, wanted: Position, reached: Position) -> None:
        self.read_model = read_model
        self.wanted = wanted
        self.reached = reached
        super().__init__(
            f"read model {read_model} was at position {reached}, not yet at {wanted}, "
            "when the time allowed ran out"
        )


class IncompleteTraceError(CqrsSimError):
    """An analysis needs columns or rows that this trace does not have."""


class UnknownSchemaError(CqrsSimError, ValueError):
    """A stored event is of a type, or a schema version, that this program does not know."""

    def __init__(self, type_name: str, schema_version: int | None, newest: int | None) -> None:
        self.type_name = type_name
        self.schema_version = schema_version
        self.newest = newest
        """None: there is no such type."""
        version = "" if schema_version is None else f" of schema version {schema_version}"
        known = (
            "this program knows no such type"
            if newest is None
            else f"this program knows version{'' if newest == 1 else 's 1 to'} {newest}"
        )
        super().__init__(f"event {type_name}{version}: {known}")


class UpcastError(CqrsSimError, ValueError):
    """A stored event of an older schema is not what that schema says."""

    def __init__(self, type_name: str, schema_version: int, reason: str) -> None:
        self.type_name = type_name
        self.schema_version = schema_version
        super().__init__(f"event {type_name} of schema version {schema_version}: {reason}")


class UnknownPastError(CqrsSimError, ValueError):
    """Somebody asked for the past as of a position or an instant that the log does not have yet."""


class ActorCrashedError(CqrsSimError):
    """An actor raised an exception that nobody was to catch; the run ends."""

    def __init__(self, actor: str, message: object, cause: BaseException) -> None:
        self.actor = actor
        self.message = message
        doing = "" if message is None else f" while handling {message!r}"
        super().__init__(f"{actor} crashed{doing}: {type(cause).__name__}: {cause}")


class ForeignAwaitError(CqrsSimError):
    """An actor awaited something that is not its kernel's: only the host may do that."""

    def __init__(self, actor: str, awaited: object) -> None:
        self.actor = actor
        self.awaited = awaited
        super().__init__(
            f"{actor} awaited {awaited!r}, which its kernel does not know: inside an actor use the "
            "kernel's own sleeps and timeouts, and `TrioHost.await_trio` for trio functions"
        )


class DeadlockError(CqrsSimError):
    """Nothing is ready, no timer is set, and actors still wait for one another."""

    def __init__(self, blocked: Sequence[str]) -> None:
        self.blocked = tuple(blocked)
        super().__init__("deadlock: " + "; ".join(self.blocked))


class InvariantViolationError(CqrsSimError):
    """A bug in cqrs_sim itself."""


TURNED_AWAY = (
    *(CommandRejectedError, ConcurrencyConflictError, MailboxFullError),
    *(FreshnessTimeoutError, WriteSideDownError),
)
"""Answers to an operation that was not done: no end of its sender, who may go on with the next."""
