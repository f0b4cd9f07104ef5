"""Rounds in which both forms do the same work, by turns.

Every round begins with copies of the same two files, so the rounds are repetitions, and no form
grows because another share was measured before. Within a round each piece of work is done by one
form and then at once by the other; which is first changes from round to round, so that what slows
the machine down for a while meets both.

The parts are timed apart: commands alone, questions of one kind alone. A mixed run pays a little
that its parts do not: after a commit a reader looks through the write-ahead log and reads pages
anew, 5 to 30 µs a question (1,000 orders, processor time). And SQLite moves its log into the file
every 1,000 pages, in whichever piece that falls. Mixed runs show what that comes to.
"""

import shutil
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import attrs
import numpy as np

from cqrs_sim.actors.clock import WallClock
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.order import Cause
from cqrs_sim.domain.queries import Query
from cqrs_sim.query_cost.forms import FORMS, Form, FormName
from cqrs_sim.query_cost.result import FormCosts, Measured, QueryCost, Settings
from cqrs_sim.query_cost.work import KINDS, Stock, make_stock, questions
from cqrs_sim.tables.connection import open_writer

Operation: TypeAlias = Query | tuple[Command, Cause]
"""What a form is given to do."""

COMPARED = 200
"""Questions of each kind that both forms are asked, so that their answers can be compared."""


@attrs.frozen
class _Work:
    """The pieces of a round, in the order in which they are done."""

    warm_up: tuple[Operation, ...]
    pieces: tuple[tuple[Operation, ...], ...]
    """Commands; questions of each kind; a mixture of each read share."""


def measure(settings: Settings, folder: Path) -> QueryCost:
    """Measure both forms on this machine.

    Args:
        settings: what and how often.
        folder: exists; files are made in it and taken away, but for the first two.
    """
    stock = make_stock(settings.orders, _commands_count(settings), settings.seed)
    work = _work(settings, stock)
    sizes = {name: _fill(name, folder, settings, stock) for name in FORMS}
    times_us: dict[FormName, list[list[float]]] = {name: [] for name in FORMS}
    differing: tuple[Query, ...] = ()
    for number in range(settings.rounds):
        forms = _copies(folder, settings)
        in_turn = forms if number % 2 else forms[::-1]
        for form in in_turn:
            _do(form, work.warm_up)
        for name in FORMS:
            times_us[name].append([])
        for piece in work.pieces:
            for form in in_turn:
                times_us[form.name][-1].append(_timed_us(form, piece))
        if number == 0:
            differing = answered_differently(forms, stock)
        for form in forms:
            form.close()
    costs = [_costs(times_us[name], sizes[name]) for name in FORMS]
    return QueryCost(settings, costs[0], costs[1], _sqlite_version(folder), differing)


def _costs(rounds_us: Sequence[Sequence[float]], size_bytes: int) -> FormCosts:
    write, *others = [Measured(values) for values in zip(*rounds_us, strict=True)]
    return FormCosts(write, tuple(others[: len(KINDS)]), tuple(others[len(KINDS) :]), size_bytes)


def _timed_us(form: Form, piece: Sequence[Operation]) -> float:
    clock = WallClock()
    began_ns = clock.instant_ns
    _do(form, piece)
    return (clock.instant_ns - began_ns) / 1e3 / len(piece)


def _do(form: Form, piece: Sequence[Operation]) -> None:
    execute, ask = form.execute, form.ask
    for operation in piece:
        if isinstance(operation, tuple):
            execute(*operation)
        else:
            ask(operation)


def _commands_count(settings: Settings) -> int:
    mixed = sum(settings.operations - _reads_count(settings, s) for s in settings.read_shares)
    return settings.writes + mixed + 1


def _reads_count(settings: Settings, read_share: float) -> int:
    return round(settings.operations * read_share)


def _work(settings: Settings, stock: Stock) -> _Work:
    commands = iter(stock.commands)
    kinds = range(len(KINDS))
    asked = [questions(stock, kind, settings.reads[kind], settings.seed) for kind in kinds]
    warm_up: list[Operation] = [next(commands)]
    for kind in kinds:
        warm_up += asked[kind][:5]
    pieces: list[tuple[Operation, ...]] = [tuple(islice(commands, settings.writes)), *asked]
    for share in settings.read_shares:
        reads = _reads_count(settings, share)
        writes = islice(commands, settings.operations - reads)
        pieces.append(_mixture(settings, stock, reads, tuple(writes)))
    return _Work(tuple(warm_up), tuple(pieces))


def _mixture(
    settings: Settings, stock: Stock, reads: int, writes: Sequence[Operation]
) -> tuple[Operation, ...]:
    """Exactly so many questions of each kind as their weights ask for, and the commands, shuffled.

    Nothing is left to chance but the order: at a few hundred operations the rare and dear kinds
    would otherwise come so unevenly that the run shows little else.
    """
    asked: list[Operation] = []
    for kind, count in enumerate(shares_of(reads, settings.weights)):
        asked += questions(stock, kind, count, settings.seed + 1)
    total = len(asked) + len(writes)
    generator = Streams(settings.seed).stream(f"query_cost.mixture.{reads}")
    generator.shuffle(asked)
    places = set(generator.choice(total, len(writes), replace=False).tolist())
    in_order = iter(writes), iter(asked)
    return tuple(next(in_order[0 if place in places else 1]) for place in range(total))


def shares_of(count: int, weights: Sequence[float]) -> list[int]:
    """Split a count by weights: whole numbers with that sum, each less than 1 off its share."""
    edges = np.rint(np.cumsum(weights) / np.sum(weights) * count).astype(np.int64)
    return [int(part) for part in np.diff(edges, prepend=0)]


def _fill(name: FormName, folder: Path, settings: Settings, stock: Stock) -> int:
    form = Form(name, folder / f"{name}.db", partial(open_writer, durability="off"))
    form.fill(stock.events)
    size = form.size_bytes()
    form.close()
    return size


def _copies(folder: Path, settings: Settings) -> list[Form]:
    forms = []
    for name in FORMS:
        path = folder / f"{name}-round.db"
        shutil.copyfile(folder / f"{name}.db", path)
        forms.append(Form(name, path, partial(open_writer, durability=settings.durability)))
    return forms


def _sqlite_version(folder: Path) -> str:
    connection = open_writer(folder / f"{FORMS[0]}.db")
    (version,) = connection.execute("SELECT sqlite_version()").fetchone()
    connection.close()
    return str(version)


def answered_differently(forms: Sequence[Form], stock: Stock) -> tuple[Query, ...]:
    """What two forms give different answers to, of many questions of all kinds."""
    asked: list[Query] = []
    for kind in range(len(KINDS)):
        asked += questions(stock, kind, COMPARED, 0)
    one, other = forms
    return tuple(query for query in dict.fromkeys(asked) if one.ask(query) != other.ask(query))
