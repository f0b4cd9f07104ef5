"""The types of a scenario's fields, and makers of fields that check them.

Each maker returns an attrs field whose validator refuses values out of range, and whose metadata
holds the `Quantity` by which files are read and written. A field whose default is None is optional.
"""

import operator
from collections.abc import Callable, Mapping
from typing import NoReturn, SupportsIndex, TypeAlias, TypeVar, cast, get_args

import attrs

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario import quantities, unit_text
from cqrs_sim.scenario.quantities import Quantity
from cqrs_sim.scenario.wording import joined, shown

Duration: TypeAlias = int
"""Integer nanoseconds."""

Rate: TypeAlias = float
"""Per second."""

Share: TypeAlias = float
"""A fraction from 0 to 1."""

Count: TypeAlias = int
"""A whole number of things."""

Real: TypeAlias = float
"""A number without a unit."""

Text: TypeAlias = str
"""Printable text."""

T = TypeVar("T")

LONGEST_NS = 7 * 24 * 3_600_000_000_000
"""No duration is longer than a week: more is a slip of the pen."""
LONGEST_SERIES = 1_000
LOWEST_RATE_PER_S = 1e-6
HIGHEST_RATE_PER_S = 1e8

_QUANTITY = "quantity"


def parse_duration(text: str) -> Duration:
    """Duration of a text such as "5ms", "30s", "2m", "2min" or "1h"; bare numbers are refused.

    Raises: ValueError: if the text is no duration; it says what one looks like.
    """
    return Duration(unit_text.duration_ns(text))


def format_duration(duration: Duration) -> str:
    """Shortest exact text of a duration, in one unit."""
    return unit_text.duration_text(duration)


def parse_rate(text: str) -> Rate:
    """Rate of a text such as "800/s", "48k/min" or "100/h"; bare numbers are refused.

    Raises: ValueError: if the text is no rate; it says what one looks like.
    """
    return Rate(unit_text.rate_per_s(text))


def format_rate(rate: Rate) -> str:
    """Shortest text that gives the rate back."""
    return unit_text.rate_text(rate)


def duration(default: int | attrs.NothingType = attrs.NOTHING, *, minimum: int = 1) -> Duration:
    """A field for a duration in ns, from `minimum` to a week; required if it has no default."""
    quantity = quantities.DurationQuantity(minimum, LONGEST_NS)
    return cast("Duration", _field(default, quantity, _as_whole))


def rate(
    default: float | attrs.NothingType | None = attrs.NOTHING, *, may_be_zero: bool = False
) -> Rate:
    """A field for a rate per second; required if it has no default."""
    quantity = quantities.RateQuantity(LOWEST_RATE_PER_S, HIGHEST_RATE_PER_S, may_be_zero)
    return cast("Rate", _field(default, quantity, _as_float))


def share(default: float) -> Share:
    """A field for a share of something."""
    return cast("Share", _field(default, quantities.ShareQuantity(), _as_float))


def count(default: int, *, minimum: int = 1, maximum: int = 10_000_000) -> Count:
    """A field for a whole number."""
    return cast("Count", _field(default, quantities.CountQuantity(minimum, maximum), _as_whole))


def real(default: float, *, minimum: float, maximum: float) -> Real:
    """A field for a number without a unit."""
    return cast("Real", _field(default, quantities.RealQuantity(minimum, maximum), _as_float))


def text(
    default: str | None, *, minimum: int = 0, maximum: int = 80, multiline: bool = False
) -> Text:
    """A field for text of `minimum` to `maximum` characters, none of them a control character."""
    return cast("Text", _field(default, quantities.TextQuantity(minimum, maximum, multiline)))


def texts(*, most: int = 100, maximum: int = 300) -> tuple[str, ...]:
    """A field for up to `most` texts, none by default; a list will do."""
    quantity = quantities.TextsQuantity(quantities.TextQuantity(1, maximum, False), most)
    return cast("tuple[str, ...]", _field((), quantity, _as_tuple))


def choice(default: T, literal: object) -> T:
    """A field for one of the words of a `Literal` type."""
    return cast("T", _field(default, quantities.ChoiceQuantity(get_args(literal))))


def flag(default: bool) -> bool:
    """A field for yes or no."""
    return cast("bool", _field(default, quantities.FlagQuantity()))


def part(cls: type[T], factory: Callable[[], T] | None = None) -> T:
    """A field for another table of the scenario."""

    def check(instance: object, attribute: "attrs.Attribute[T]", value: object) -> None:
        _must_be(cls, instance, attribute.name, value)

    return attrs.field(factory=factory or cls, validator=check)


def optional_part(cls: type[T]) -> T | None:
    """A field for another table of the scenario that may be left out."""

    def check(instance: object, attribute: "attrs.Attribute[T | None]", value: object) -> None:
        if value is not None:
            _must_be(cls, instance, attribute.name, value)

    return attrs.field(default=None, validator=check)


def series(cls: type[T]) -> tuple[T, ...]:
    """A field for up to `LONGEST_SERIES` tables in order; a list will do."""

    def check(instance: object, attribute: "attrs.Attribute[tuple[T, ...]]", value: object) -> None:
        _must_be(tuple, instance, attribute.name, value)
        assert isinstance(value, tuple)
        if len(value) > LONGEST_SERIES:
            _refuse(instance, attribute.name, value, f"must have at most {LONGEST_SERIES} members")
        for index, member in enumerate(value):
            _must_be(cls, instance, f"{attribute.name}[{index}]", member)

    return attrs.field(
        default=(),
        validator=check,
        converter=lambda value: tuple(value) if isinstance(value, list) else value,
    )


def named(cls: type[T], factory: Callable[[], dict[str, T]]) -> dict[str, T]:
    """A field for tables by name."""

    def check(instance: object, attribute: "attrs.Attribute[dict[str, T]]", value: object) -> None:
        _must_be(dict, instance, attribute.name, value)
        assert isinstance(value, dict)
        for name, member in value.items():
            _must_be(cls, instance, joined(attribute.name, name), member)

    return attrs.field(
        factory=factory,
        validator=check,
        # A copy of its own: whoever made the dict cannot change the scenario afterwards.
        converter=lambda value: dict(value) if isinstance(value, Mapping) else value,
    )


def quantity_of(attribute: "attrs.Attribute[object]") -> Quantity | None:
    """The quantity of a field made here; None for a field that holds tables."""
    return cast("Quantity | None", attribute.metadata.get(_QUANTITY))


def _field(
    default: object, quantity: Quantity, converter: Callable[[object], object] | None = None
) -> object:
    def check(instance: object, attribute: "attrs.Attribute[object]", value: object) -> None:
        if value is None and default is None:
            return
        try:
            quantity.check(value)
        except ValueError as error:
            _refuse(instance, attribute.name, value, str(error))

    return attrs.field(
        default=default, validator=check, converter=converter, metadata={_QUANTITY: quantity}
    )


def _must_be(cls: type, instance: object, name: str, value: object) -> None:
    if not isinstance(value, cls):
        _refuse(instance, name, value, f"must be a {cls.__name__}")


def _refuse(instance: object, name: str, value: object, message: str) -> NoReturn:
    mistake = f"{type(instance).__name__}.{name} = {shown(value)}: {message}"
    raise InvalidScenarioError([mistake]) from None


def _as_whole(value: object) -> object:
    """An `int` of any integer, NumPy's too; what is none stays, for the validator to refuse."""
    try:
        return value if isinstance(value, bool) else operator.index(cast("SupportsIndex", value))
    except TypeError:
        return value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _as_float(value: object) -> object:
    """A `float` of any integer or float; what is none stays, for the validator to refuse."""
    number = _as_whole(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        return value
    try:
        return float(number)
    except OverflowError:
        return value
