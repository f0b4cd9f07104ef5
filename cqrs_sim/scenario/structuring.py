"""From a parsed TOML document to a scenario, or to every mistake in it.

cattrs walks the document and collects what each value's `Quantity` refuses; this module gives it
the hooks and words what it collected. The rules across fields run last, on the tables that had no
mistakes: what is reported is never a mere consequence of something else that is reported.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, TypeVar, cast

import attrs
import cattrs
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.contradictions import contradictions_among, unknown_read_model
from cqrs_sim.scenario.keys import meant_key, unknown_key
from cqrs_sim.scenario.parts import (
    READ_MODEL_NAMES,
    Crash,
    Customers,
    Database,
    Load,
    Log,
    Pause,
    PlannedRebuild,
    Queries,
    RateSegment,
    ReadModel,
    Run,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.quantities import Quantity
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import LONGEST_SERIES, Duration, Rate, duration, quantity_of, rate
from cqrs_sim.scenario.wording import joined, shown

T = TypeVar("T")

MOST_MISTAKES = 100
"""More lines than this help nobody; a file of another kind would have thousands."""
_MOST_UNKNOWN_KEYS = 10


class _MistakeError(ValueError):
    """A value is refused; `raw` is what stands in the file."""

    def __init__(self, raw: object, message: str) -> None:
        self.raw = raw
        super().__init__(message)


@attrs.frozen(kw_only=True)
class _SteadySegment:
    """A `RateSegment` in the shorthand of files: one rate from start to end."""

    duration: Duration = duration()  # noqa: RUF009 - an attrs field, not a default
    rate: Rate = rate(may_be_zero=True)  # noqa: RUF009


def scenario_from(document: Mapping[str, object]) -> Scenario:
    """The scenario of a document.

    Raises: InvalidScenarioError: if anything is wrong; it lists every mistake, one line each.
    """
    converter = _converter()
    try:
        return converter.structure(document, Scenario)
    except (cattrs.BaseValidationError, _MistakeError) as error:
        mistakes = list(_mistakes_of(error, ""))
    mistakes += _misnamed(document.get("read_models"))
    mistakes += _contradictions(converter, document)
    # A rule and a table may say the same: once is enough.
    distinct = list(dict.fromkeys(mistakes))
    if len(distinct) > MOST_MISTAKES:
        distinct[MOST_MISTAKES:] = [f"and {len(distinct) - MOST_MISTAKES} more mistakes"]
    raise InvalidScenarioError(distinct)


@cache
def _converter() -> cattrs.Converter:
    """The converter, made when first needed: it compiles a function for each class."""
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook_factory(attrs.has, partial(_table_hook, converter))
    segment_hook = converter.get_structure_hook(RateSegment)
    steady_hook = converter.get_structure_hook(_SteadySegment)

    def segment(raw: object, kind: type) -> RateSegment:
        if not isinstance(raw, dict) or "start" in raw or "end" in raw:
            if isinstance(raw, dict) and "rate" in raw:
                raise _MistakeError(raw, "has rate as well as start or end; write one or the other")
            return cast("RateSegment", segment_hook(raw, kind))
        steady = steady_hook(raw, _SteadySegment)
        return RateSegment(duration=steady.duration, start=steady.rate, end=steady.rate)

    converter.register_structure_hook(RateSegment, segment)
    return converter


def _table_hook(
    converter: cattrs.Converter, cls: type[attrs.AttrsInstance]
) -> Callable[[object, type], object]:
    # cattrs takes the overrides as keywords among its flags, which no narrower type allows.
    overrides: dict[str, Any] = {}
    for attribute in attrs.fields(cls):
        quantity = quantity_of(attribute)
        if quantity is not None:
            overrides[attribute.name] = override(struct_hook=partial(_parsed, quantity))
        elif attribute.name in _SERIES:
            series = partial(_series, converter, *_SERIES[attribute.name])
            overrides[attribute.name] = override(struct_hook=series)
        elif attribute.name in _NAMED:
            named = partial(_tables, converter, *_NAMED[attribute.name])
            overrides[attribute.name] = override(struct_hook=named)
    structure = make_dict_structure_fn(cls, converter, **overrides)

    def table(raw: object, kind: type) -> object:
        if not isinstance(raw, Mapping):
            raise _MistakeError(raw, "must be a table")
        return structure(raw, kind)

    return table


def _parsed(quantity: Quantity, raw: object, _: object) -> object:
    try:
        return quantity.parse(raw)
    except ValueError as error:
        raise _MistakeError(raw, str(error)) from None


_SERIES: dict[str, tuple[type, str, str]] = {
    "profile": (RateSegment, "segments", '{ duration = "10s", rate = "200/s" }'),
    "pauses": (Pause, "pauses", '{ at = "10s", duration = "2s" }'),
    "rebuilds": (PlannedRebuild, "rebuilds", '{ at = "10s" }'),
    "crashes": (Crash, "crashes", '{ at = "10s", down = "200ms" }'),
}
"""Fields that hold tables in order: their class, what they are called, and one of them."""


def _series(
    converter: cattrs.Converter, cls: type[T], name: str, example: str, raw: object, _: object
) -> tuple[T, ...]:
    # Text is iterable too, and would give a mistake a letter.
    if not isinstance(raw, list):
        raise _MistakeError(raw, f"must be a list such as [{example}]")
    if len(raw) > LONGEST_SERIES:
        raise _MistakeError(raw, f"must have at most {LONGEST_SERIES} {name}")
    return converter.structure(raw, tuple[cls, ...])  # type: ignore[valid-type] # cls is a class


_NAMED: dict[str, tuple[type, str]] = {
    "read_models": (ReadModel, "read models"),
    "databases": (Database, "databases"),
}
"""Fields that hold tables by name: their class, and what they are called."""


def _tables(
    converter: cattrs.Converter, cls: type[T], name: str, raw: object, _: object
) -> dict[str, T]:
    if not isinstance(raw, Mapping):
        raise _MistakeError(raw, f"must be a table of {name} by name")
    return converter.structure(raw, dict[str, cls])  # type: ignore[valid-type] # cls is a class


def _mistakes_of(error: Exception, path: str) -> Iterator[str]:
    """The lines of what cattrs collected below a path."""
    if isinstance(error, _MistakeError):
        yield f"{path} = {shown(error.raw)}: {error}"
    elif isinstance(error, InvalidScenarioError):
        yield from error.mistakes
    elif isinstance(error, cattrs.ForbiddenExtraKeysError):
        yield from _unknown_keys(error, path)
    elif isinstance(error, KeyError):
        yield f"{path}: is missing"
    elif isinstance(error, cattrs.BaseValidationError):
        unknown = [e for e in error.exceptions if isinstance(e, cattrs.ForbiddenExtraKeysError)]
        meant = {meant_key(e.cl, key) for e in unknown for key in _first(e.extra_fields)}
        for inner in error.exceptions:
            # A misspelt key is not missing too.
            if not (isinstance(inner, KeyError) and inner.args[0] in meant):
                yield from _mistakes_of(inner, _path_of(inner, path))
    else:
        raise error


def _path_of(error: Exception, path: str) -> str:
    """The path of the value that an error is about, from the note that cattrs left on it."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return joined(path, note.name)
        if isinstance(note, IterableValidationNote):
            index = note.index
            return f"{path}[{index}]" if isinstance(index, int) else joined(path, index)
    return path


def _unknown_keys(error: cattrs.ForbiddenExtraKeysError, path: str) -> Iterator[str]:
    for key in _first(error.extra_fields):
        yield unknown_key(error.cl, path, key)
    more = len(error.extra_fields) - _MOST_UNKNOWN_KEYS
    if more > 0:
        yield f"{path or 'the scenario'}: and {more} more unknown keys"


def _first(keys: set[str]) -> list[str]:
    # Looking for the nearest key takes a while, and a file of another kind has only unknown ones.
    return sorted(keys)[:_MOST_UNKNOWN_KEYS]


def _misnamed(read_models: object) -> list[str]:
    """The mistakes in the names of read models, even where their tables have mistakes too."""
    if not isinstance(read_models, Mapping):
        return []
    names = [name for name in read_models if name not in READ_MODEL_NAMES]
    return [unknown_read_model(name) for name in names[:_MOST_UNKNOWN_KEYS]]


def _contradictions(converter: cattrs.Converter, document: Mapping[str, object]) -> list[str]:
    """What the rules across fields say of the parts that have no mistakes of their own."""
    defaults = Scenario()

    def sound(name: str, kind: type[T]) -> T | None:
        if name not in document:
            return cast("T", getattr(defaults, name))
        if not isinstance(document[name], Mapping):
            return None
        try:
            return converter.structure(document[name], kind)
        except (cattrs.BaseValidationError, _MistakeError):
            return None

    return contradictions_among(
        run=sound("run", Run),
        load=sound("load", Load),
        workload=sound("workload", Workload),
        queries=sound("queries", Queries),
        log=sound("log", Log),
        write_side=sound("write_side", WriteSide),
        read_models=sound("read_models", dict[str, ReadModel]),
        customers=sound("customers", Customers),
        databases=sound("databases", dict[str, Database]),
        store=str(document.get("store", defaults.store)),
    )
