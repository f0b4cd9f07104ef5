"""The diagram of a scenario: who sends what to whom, and with a run how much and how late.

Read from the scenario, not from the name of an architecture, as `architectures.moving_parts` is.
What is drawn is what runs: an order actor stands for all of them, a database is a box around the
stores in it, and a dashed edge is one that is not there under this load, or not to be relied on.
"""

from collections.abc import Iterator

from cqrs_sim.analysis.summary import Summary
from cqrs_sim.diagram.figures import NO_FIGURES, Figures, figures_of
from cqrs_sim.diagram.graph import Edge, Graph, Group, Node, Shape
from cqrs_sim.plain_text import count_of
from cqrs_sim.scenario.contradictions import READ_MODEL_OF_QUERY
from cqrs_sim.scenario.scenario import ReadModel, Scenario
from cqrs_sim.scenario.unit_text import duration_text, rate_text

_ORDER_OF_TASKS = {
    "ignore": "in no order",
    "buffer": "which wait for those before them",
    "fetch": "which fetch those before them",
}

LOAD, COMMANDS, ACTORS = "load", "command_gateway", "order_actors"
ROWS, LOG, QUERIES, CACHE = "write_tables", "event_log", "query_gateway", "cache"
NAMES = "customer_names"


def diagram_of(scenario: Scenario, summary: Summary | None = None) -> Graph:
    """The architecture of a scenario.

    Args:
        scenario: any.
        summary: of a run of it, whose figures are to stand on nodes and edges.
    """
    figures = NO_FIGURES if summary is None else figures_of(summary)
    return Graph(
        title=scenario.name if summary is None else f"{scenario.name}, {figures.of_run}",
        nodes=tuple(_nodes(scenario, figures)),
        edges=(*_write_edges(scenario, figures), *_read_edges(scenario, figures)),
        groups=tuple(_groups(scenario, figures)),
    )


def _nodes(scenario: Scenario, figures: Figures) -> Iterator[Node]:
    yield Node(id=LOAD, side="load", shape="outside", lines=("load", _load(scenario)))
    yield Node(id=COMMANDS, side="write", lines=("command gateway",))
    yield Node(
        id=ACTORS,
        side="write",
        lines=(*_writers(scenario), *figures.of_write_side),
    )
    yield from _kept(scenario)
    if scenario.asking:
        yield Node(id=NAMES, side="read", shape="outside", lines=("names of customers",))
    if scenario.renaming:
        rate = rate_text(scenario.customers.rename_rate)
        lines = ("customers, another system", f"renamed {rate}", *figures.of_customers)
        yield Node(id=NAMES, side="read", shape="outside", lines=lines)
    for name, model in scenario.read_models.items():
        if model.projection != "inline":
            yield Node(id=f"projector_{name}", side="read", lines=_projector(name, model, figures))
        lag = figures.lag.get(name, ())
        shape: Shape = "actor" if model.form == "joined" else "store"  # It stores nothing itself.
        yield Node(id=f"model_{name}", side="read", shape=shape, lines=(name, *lag))
    yield Node(id=QUERIES, side="read", lines=("query gateway",))
    if scenario.queries.cache.ttl:
        kept = f"answers for {duration_text(scenario.queries.cache.ttl)}"
        yield Node(id=CACHE, side="read", lines=("cache", kept, *figures.of_cache))


def _load(scenario: Scenario) -> str:
    load = scenario.load
    match load.model:
        case "closed":
            return f"closed, {count_of(load.clients, 'client')}"
        case "replay":
            return "a recorded log"
        case "open":
            return "open, a profile" if load.rate is None else f"open, {rate_text(load.rate)}"


def _writers(scenario: Scenario) -> tuple[str, ...]:
    """Who handles commands."""
    side = scenario.write_side
    if side.handling == "mailbox":
        return ("order actors", "one for each order")
    how = "unchecked"
    if side.handling == "optimistic":
        how = f"optimistic, up to {count_of(side.retry.attempts, 'attempt')}"
    return ("handlers", "one for each command", how)


def _kept(scenario: Scenario) -> Iterator[Node]:
    """What the write side stores: rows, events or both."""
    keeps = scenario.write_side.keeps
    where: tuple[str, ...] = ()
    if scenario.store == "sqlite":
        where = ("in SQLite", f"durability {scenario.log.durability}")
    if keeps != "events":
        yield Node(id=ROWS, side="write", shape="store", lines=("normalised tables", *where))
    if keeps != "rows":
        name = "event log" if keeps == "events" else "outbox of events"
        yield Node(id=LOG, side="bus", shape="store", lines=(name, *where))


def _projector(name: str, model: ReadModel, figures: Figures) -> tuple[str, ...]:
    if model.projection == "task":
        return ("a task for each event", f"and {name}, {_ORDER_OF_TASKS[model.on_gap]}")
    batch = (f"batches of {model.batch:,}",) if model.batch > 1 else ()
    return (f"projector of {name}", *batch, *figures.load.get(name, ()))


def _write_edges(scenario: Scenario, figures: Figures) -> Iterator[Edge]:
    yield Edge(source=LOAD, target=COMMANDS, lines=("commands", *figures.offered))
    has_actors = scenario.write_side.handling == "mailbox"
    way = f"mailbox of {scenario.write_side.mailbox:,}" if has_actors else "all at once"
    yield Edge(source=COMMANDS, target=ACTORS, lines=(way, *figures.queueing))
    keeps = scenario.write_side.keeps
    if keeps != "events":
        yield Edge(source=ACTORS, target=ROWS, lines=("rows", *figures.accepted))
    if keeps != "rows":
        told = figures.accepted if keeps == "events" else ("in the same commit",)
        yield Edge(source=ACTORS, target=LOG, lines=("events", *told))
    for name, model in scenario.read_models.items():
        yield from _ways_to(name, model, scenario, figures)


def _ways_to(name: str, model: ReadModel, scenario: Scenario, figures: Figures) -> Iterator[Edge]:
    """From the commit to one read model."""
    if model.form == "joined":
        yield Edge(source=ROWS, target=f"model_{name}", lines=("joined for each answer",))
        return
    if model.projection == "inline":
        yield Edge(source=ACTORS, target=f"model_{name}", lines=("in the same commit",))
        return
    projector = f"projector_{name}"
    told = scenario.write_side.publish == "dual_write" and model.projection == "async"
    lines: list[str] = ["told after storing"] if told else []
    if model.transport:
        lines.append(f"transport {duration_text(model.transport)}")
    if model.projection == "async":
        lines.append(f"channel of {model.channel:,}")
    yield Edge(
        source=ACTORS if told or scenario.write_side.keeps == "rows" else LOG,
        target=projector,
        lines=(*lines, *figures.way.get(name, ())),
        is_dashed=told or model.projection == "task",
    )
    if model.enrichment is not None:
        asked = ("asks for each new order", *figures.asking.get(name, ()))
        yield Edge(source=projector, target=NAMES, lines=asked)
    if name in scenario.renaming:
        yield Edge(source=NAMES, target=projector, lines=_renames(scenario, name, figures))
    checkpoint = "at most once" if model.projection == "task" else model.delivery.replace("_", " ")
    lines = [checkpoint, *figures.applying.get(name, ())]
    yield Edge(source=projector, target=f"model_{name}", lines=tuple(lines))


def _renames(scenario: Scenario, name: str, figures: Figures) -> tuple[str, ...]:
    """How new names come to a projector, and what becomes of one."""
    transport = scenario.customers.transport
    way = (f"transport {duration_text(transport)}",) if transport else ()
    return ("renames", *way, *figures.renaming.get(name, ()))


def _read_edges(scenario: Scenario, figures: Figures) -> Iterator[Edge]:
    asked = _asked(scenario)
    of_actors = asked.pop(ACTORS, ())
    if of_actors:  # In their mailboxes, with the commands.
        lines = ("queries", *figures.with_answers(of_actors))
        yield Edge(source=LOAD, target=COMMANDS, lines=lines)
    yield Edge(source=LOAD, target=QUERIES, lines=("queries",), is_dashed=not any(asked.values()))
    source = QUERIES
    if scenario.queries.cache.ttl:
        source = CACHE
        yield Edge(source=QUERIES, target=CACHE)
    for name, kinds in asked.items():
        lines = tuple(figures.with_answers(kinds))
        yield Edge(source=source, target=f"model_{name}", lines=lines, is_dashed=not kinds)


def _asked(scenario: Scenario) -> dict[str, list[str]]:
    """By read model that can be asked, or the order actors: the kinds of query of this load."""
    answering = [name for name in READ_MODEL_OF_QUERY.values() if name in scenario.read_models]
    asked: dict[str, list[str]] = {name: [] for name in answering}
    queries = scenario.queries
    if not queries.share or scenario.load.model == "replay":
        return asked
    for kind, read_model in READ_MODEL_OF_QUERY.items():
        if not getattr(queries.mix, kind):
            continue
        strategy = getattr(queries.strategy, kind)
        target = ACTORS if strategy == "write_side" else read_model
        told = f"{kind} at_least" if strategy == "at_least" else kind
        asked.setdefault(target, []).append(told)
    return asked


def _groups(scenario: Scenario, figures: Figures) -> Iterator[Group]:
    """A box for each database that stages share, around the stores in it."""
    for number, (name, database) in enumerate(scenario.databases.items(), start=1):
        nodes = [node.id for node in _kept(scenario) if scenario.write_side.database == name]
        nodes += [
            f"model_{read_model}"
            for read_model, model in scenario.read_models.items()
            if model.database == name
        ]
        if nodes:
            about = (count_of(database.connections, "connection"), *figures.databases.get(name, ()))
            # On one line: Mermaid makes no room for a second one in the heading of a box.
            heading = f"{name}: {', '.join(about)}"
            yield Group(id=f"database_{number}", heading=heading, nodes=tuple(nodes))
