"""The parts of a scenario: one class a table of the TOML file.

Each field states its range; what only several fields together show to be wrong is in
`scenario.contradictions`. Durations are integer nanoseconds, rates are per second.
"""

# ruff: noqa: RUF009 - the makers of `scenario.units` return attrs fields, not defaults.

from typing import Literal, TypeAlias

import attrs

from cqrs_sim.scenario import units
from cqrs_sim.scenario.units import Count, Duration, Rate, Real, Share, Text

Distribution: TypeAlias = Literal["constant", "exponential", "lognormal", "real"]
LoadModel: TypeAlias = Literal["open", "closed", "replay"]
ArrivalProcess: TypeAlias = Literal["constant", "poisson"]
WorkloadKind: TypeAlias = Literal["lifecycle", "amendments"]
Popularity: TypeAlias = Literal["uniform", "zipf", "hot_set"]
MailboxPolicy: TypeAlias = Literal["block", "reject"]
Discipline: TypeAlias = Literal["fifo", "turns"]
StoreKind: TypeAlias = Literal["memory", "sqlite"]
Durability: TypeAlias = Literal["full", "normal", "off"]
ReadStrategy: TypeAlias = Literal["eventual", "at_least", "write_side"]
Projection: TypeAlias = Literal["async", "inline", "task"]
OnGap: TypeAlias = Literal["ignore", "buffer", "fetch"]
Delivery: TypeAlias = Literal["at_least_once", "at_most_once", "exactly_once_effect"]
Keeps: TypeAlias = Literal["events", "rows", "both"]
Index: TypeAlias = Literal["set", "list"]
Form: TypeAlias = Literal["view", "joined"]
CommandHandling: TypeAlias = Literal["mailbox", "optimistic", "unchecked"]
Publish: TypeAlias = Literal["log_first", "dual_write"]

READ_MODEL_NAMES = ("orders", "statistics", "search")


@attrs.frozen(kw_only=True)
class Database:
    """A database that stages share: what they do in it occupies one of its connections."""

    connections: Count = units.count(1, maximum=1024)
    """How much it does at once; the rest waits, first come first served."""


@attrs.frozen(kw_only=True)
class Service:
    """Modelled time of one stage, drawn for each command, event or query."""

    distribution: Distribution = units.choice("constant", Distribution)
    """`real`: no modelled time at all, only the work itself (for the wall clock)."""
    mean: Duration = units.duration(0, minimum=0)
    """Mean of the distribution; 0 with `real`."""
    spread: Real = units.real(0.0, minimum=0.0, maximum=5.0)
    """`lognormal`: coefficient of variation, its standard deviation / its mean."""


@attrs.frozen(kw_only=True)
class Pause:
    """A stretch in which a stage begins nothing: what it is at, it finishes."""

    at: Duration = units.duration(minimum=0)
    """From the start of the run."""
    duration: Duration = units.duration()


@attrs.frozen(kw_only=True)
class PlannedRebuild:
    """A rebuild of a read model beside the live one, which goes on until the switch."""

    at: Duration = units.duration(minimum=0)
    """When it begins, from the start of the run; after any earlier one of the read model."""
    batch: Count = units.count(100)
    """Most events that the rebuilding projector takes, and checkpoints, at once."""


@attrs.frozen(kw_only=True)
class Crash:
    """A process ends where it hurts most, and comes back with what it had stored."""

    at: Duration = units.duration(minimum=0)
    """From the start of the run: the first such place from here on."""
    down: Duration = units.duration()
    """How long it is gone."""


@attrs.frozen(kw_only=True)
class RateSegment:
    """A stretch of a rate profile: the rate goes from `start` to `end` in a straight line."""

    duration: Duration = units.duration()
    start: Rate = units.rate(may_be_zero=True)
    end: Rate = units.rate(may_be_zero=True)


@attrs.frozen(kw_only=True)
class Run:
    """The frame of the run."""

    duration: Duration = units.duration(30_000_000_000)
    """How long load is made; a replay ends with its log instead."""
    warm_up: Duration = units.duration(0, minimum=0)
    """What happened before this instant is in the trace, and left out of the summary."""
    drain: Duration = units.duration(5_000_000_000, minimum=0)
    """How long, after the load, the system may take to finish; the rest is censored."""
    quantum: Count = units.count(16)
    """Commands that run before projectors get their turn, on the wall clock: lag against
    throughput. On the virtual clock turns take no time."""
    processors: Count = units.count(0, minimum=0, maximum=1024)
    """CPUs that the modelled stages queue for, first come first served; 0: one for each actor."""
    discipline: Discipline = units.choice("fifo", Discipline)
    """Who of those that wait for a processor comes next. `fifo`: whoever waited longest. `turns`:
    the one processor is shared as the wall engine shares its thread, queries included."""
    settle: Duration = units.duration(0, minimum=0)
    """With the discipline `turns`: time from having nothing left to do until the next can be
    noticed."""


@attrs.frozen(kw_only=True)
class Load:
    """How operations (commands and queries) arrive."""

    model: LoadModel = units.choice("open", LoadModel)
    process: ArrivalProcess = units.choice("poisson", ArrivalProcess)
    """Open model: evenly spaced or Poisson, along `rate` or `profile`."""
    rate: Rate | None = units.rate(None)
    """Open model: operations per second, commands and queries together."""
    profile: tuple[RateSegment, ...] = units.series(RateSegment)
    """Open model, in place of `rate`: ramps and bursts; the last rate holds until the end."""
    clients: Count = units.count(16)
    """Closed model: clients that wait for each answer."""
    think_time: Service = units.part(Service)
    """Closed model: pause between an answer and the client's next operation."""
    log: Text | None = units.text(None, minimum=1, maximum=4096)
    """Replay: path of the recorded command log (CSV)."""
    speed: Real = units.real(1.0, minimum=1e-6, maximum=1e6)
    """Replay: how many times faster than recorded."""
    send: Duration = units.duration(0, minimum=0)
    """With the discipline `turns`: time of the processor to send one planned operation."""


@attrs.frozen(kw_only=True)
class Workload:
    """Which commands are sent, to which orders."""

    kind: WorkloadKind = units.choice("lifecycle", WorkloadKind)
    """`lifecycle`: create, confirm, ship, deliver or cancel. `amendments`: long-lived orders, made
    before the run, whose items change again and again."""
    orders: Count = units.count(200, maximum=10_000_000)
    """Orders open at once."""
    customers: Count = units.count(100, maximum=10_000_000)
    cancel_share: Share = units.share(0.1)
    """Lifecycle: share of orders that end by `CancelOrder`, at a random step before delivery."""
    invalid_share: Share = units.share(0.02)
    """Share of commands that must be rejected."""
    popularity: Popularity = units.choice("uniform", Popularity)
    """Which open order a command goes to."""
    zipf_exponent: Real = units.real(0.9, minimum=0.0, maximum=10.0)
    hot_orders: Count = units.count(1, maximum=10_000_000)
    """Hot set: how many orders are hot."""
    hot_share: Share = units.share(0.5)
    """Hot set: share of commands that goes to the hot orders."""


@attrs.frozen(kw_only=True)
class QueryMix:
    """Relative weights of the four kinds of query."""

    by_id: Real = units.real(1.0, minimum=0.0, maximum=1e9)
    by_customer: Real = units.real(0.0, minimum=0.0, maximum=1e9)
    by_status: Real = units.real(0.0, minimum=0.0, maximum=1e9)
    statistics: Real = units.real(0.0, minimum=0.0, maximum=1e9)


@attrs.frozen(kw_only=True)
class QueryServices:
    """Time to answer each kind of query, in place of `queries.service` where given."""

    by_id: Service | None = units.optional_part(Service)
    by_customer: Service | None = units.optional_part(Service)
    by_status: Service | None = units.optional_part(Service)
    statistics: Service | None = units.optional_part(Service)


@attrs.frozen(kw_only=True)
class QueryCache:
    """A cache of answers in front of the read models."""

    ttl: Duration = units.duration(0, minimum=0)
    """How long an answer is kept; 0: there is no cache."""
    service: Service = units.part(Service)
    """Time to answer from it."""
    capacity: Count = units.count(1000)
    """Most answers kept; the least recently used one makes room."""


@attrs.frozen(kw_only=True)
class QueryStrategies:
    """How fresh the answer to each kind of query is to be."""

    by_id: ReadStrategy = units.choice("eventual", ReadStrategy)
    """`eventual`: what the read model shows. `at_least`: once it shows the session's own last
    write. `write_side`: from the order actor, in turn with the commands."""
    by_customer: ReadStrategy = units.choice("eventual", ReadStrategy)
    by_status: ReadStrategy = units.choice("eventual", ReadStrategy)
    statistics: ReadStrategy = units.choice("eventual", ReadStrategy)


@attrs.frozen(kw_only=True)
class Queries:
    """Reads, made by sessions that also write."""

    share: Share = units.share(0.0)
    """Share of operations that are queries."""
    sessions: Count = units.count(50, maximum=10_000_000)
    page: Count = units.count(50, minimum=0)
    """Most orders in the answer to a query by customer or by status: the first ones; 0: all."""
    mix: QueryMix = units.part(QueryMix)
    service: Service = units.part(Service)
    services: QueryServices = units.part(QueryServices)
    cache: QueryCache = units.part(QueryCache)
    strategy: QueryStrategies = units.part(QueryStrategies)
    timeout: Duration = units.duration(1_000_000_000)
    """`at_least`: how long a query waits for the session's own write before it is given up."""


@attrs.frozen(kw_only=True)
class Log:
    """How the event log commits, where that costs anything."""

    durability: Durability = units.choice("full", Durability)
    """Store `sqlite`: what a commit promises. `full`: on disk. `normal`: a power cut may take the
    last commits. `off`: a power cut may take anything."""
    group: Count = units.count(256, maximum=100_000)
    """Most appends in one commit."""
    queue: Count = units.count(4096)
    """Appends that wait for a commit; further ones wait for a place among them."""
    commit: Service = units.part(Service)
    """Modelled time of one commit, whatever is in it."""
    append: Duration = units.duration(0, minimum=0)
    """Modelled time of each event of a commit, on top."""


@attrs.frozen(kw_only=True)
class Retry:
    """How often, and when, a handler tries again after a conflict."""

    attempts: Count = units.count(5, maximum=100)
    """Most attempts at one command, the first included."""
    backoff: Duration = units.duration(1_000_000, minimum=0)
    """After attempt n it waits a random time from 0 to backoff x 2^(n - 1)."""
    cap: Duration = units.duration(100_000_000, minimum=0)
    """What that upper end does not exceed."""


@attrs.frozen(kw_only=True)
class WriteSide:
    """The order actors."""

    handling: CommandHandling = units.choice("mailbox", CommandHandling)
    """`mailbox`: the commands of an order one after another, by its actor. Else each command has a
    handler of its own at once, which looks at the order, works, and writes. `optimistic`: it tries
    again if somebody else wrote in between. `unchecked`: it does not look whether anybody did."""
    retry: Retry = units.part(Retry)
    """With `optimistic` handling."""

    service: Service = units.part(Service)
    mailbox: Count = units.count(64)
    """Capacity of each order's mailbox."""
    policy: MailboxPolicy = units.choice("block", MailboxPolicy)
    """What a full mailbox does: let the sender wait, or refuse the message."""
    passivate_after: Duration = units.duration(1_000_000_000)
    """An order idle for this long leaves memory; its state comes back from the log."""
    pauses: tuple[Pause, ...] = units.series(Pause)
    """When no order actor takes a message, as in a stop of the whole process."""
    reply: Duration = units.duration(0, minimum=0)
    """Time of the order actor between commit and acknowledgement, with the discipline `turns`."""
    snapshot_every: Count = units.count(0, minimum=0)
    """An order's state is kept beside the log every so many of its events; 0: never."""
    replay: Duration = units.duration(0, minimum=0)
    """Time for each event that is read to bring an order back into memory; its first command (or
    question) waits for it."""
    database: Text | None = units.text(None, minimum=1)
    """Where the order actors' modelled work is done; none: each actor has a server of its own."""
    keeps: Keeps = units.choice("events", Keeps)
    """What an order comes back from. `events`: its own. `rows`: normalised tables, and no event is
    kept. `both`: rows, and the events that others follow, in one transaction."""
    publish: Publish = units.choice("log_first", Publish)
    """How read models come to know: `log_first`, they read the log. `dual_write`: the writer
    stores, then tells them; what it did not tell, nobody ever does."""
    crashes: tuple[Crash, ...] = units.series(Crash)
    """Each between the storing of a command's events and their publication."""


@attrs.frozen(kw_only=True)
class Customers:
    """The system that owns customers, who may be renamed while the load lasts."""

    rename_rate: Rate = units.rate(0.0, may_be_zero=True)
    """Renames per second, along `load.process`; 0: names never change."""
    service: Service = units.part(Service)
    """Time of a customer's actor to handle one rename."""
    transport: Duration = units.duration(0, minimum=0)
    """How long a rename is on its way from the customers' log to each read model."""


@attrs.frozen(kw_only=True)
class Enrichment:
    """What a projector asks another system for each new order: the name of its customer."""

    service: Service = units.part(Service)
    """Time of one attempt, from question to answer."""
    failure: Share = units.share(0.0)
    """Share of attempts that fail; they take as long as the others."""
    timeout: Duration = units.duration(0, minimum=0)
    """An attempt that would take longer fails after so long; 0: any answer is waited for."""
    attempts: Count = units.count(3, maximum=100)
    """Most attempts for one order; if all of them fail its row shows a placeholder."""


@attrs.frozen(kw_only=True)
class ReadModel:
    """One read model with its projector and channel."""

    projection: Projection = units.choice("async", Projection)
    """Who updates it: `async`, its projector, after the commit. `inline`: the order actor, within
    the commit, so that it never lags and the writer pays. `task`: a task for each event, in no
    order and at most once, as careless as it is common; it loses and doubles."""
    on_gap: OnGap = units.choice("ignore", OnGap)
    """`task`: what becomes of an event that comes before one of its order that it follows.
    `ignore`: nobody looks. `buffer`: it waits. `fetch`: what is missing is read from the log."""
    form: Form = units.choice("view", Form)
    """`view`: rows made for its questions. `joined`: nothing of its own; its questions are answered
    from the rows of the write side, by joins."""
    service: Service = units.part(Service)
    """Time to apply one event."""
    index: Index = units.choice("set", Index)
    """`orders`: what finds an order that leaves a status. `set`: at once, however many there are.
    `list`: it is searched for."""
    search_each: Duration = units.duration(0, minimum=0)
    """`list`: time to look at one entry, on top of the service."""
    enrichment: Enrichment | None = units.optional_part(Enrichment)
    """A new order is applied when another system was asked for the name that its row shows; none:
    the event says all that is shown."""
    rename_each: Duration = units.duration(0, minimum=0)
    """`orders` and `search`: time to rewrite one row of a customer who was renamed."""
    transport: Duration = units.duration(0, minimum=0)
    """How long an event is on its way from the log to the channel."""
    channel: Count = units.count(1024)
    """Capacity of the channel from the log; the log itself is the buffer behind it."""
    batch: Count = units.count(1)
    """Most events taken, and checkpointed, at once."""
    checkpoint: Duration = units.duration(0, minimum=0)
    """Time to store the checkpoint, once a batch."""
    poll: Duration = units.duration(0, minimum=0)
    """The projector takes events at multiples of this only; 0: as soon as it can."""
    pauses: tuple[Pause, ...] = units.series(Pause)
    """When the projector begins nothing."""
    rebuilds: tuple[PlannedRebuild, ...] = units.series(PlannedRebuild)
    """When the read model is rebuilt from the log, and switched to when that has caught up."""
    database: Text | None = units.text(None, minimum=1)
    """Where the projector's modelled work is done, and that of the queries which this read model
    answers; none: each has a server of its own."""
    delivery: Delivery = units.choice("at_least_once", Delivery)
    """Checkpoint after the effects of a batch, before them, or in one step with them."""
    idempotent: bool = units.flag(True)
    """Whether an event that comes again is known by its order's version, stored with the row."""
    crashes: tuple[Crash, ...] = units.series(Crash)
    """Of its projector, each between the effects of a batch and its checkpoint."""
