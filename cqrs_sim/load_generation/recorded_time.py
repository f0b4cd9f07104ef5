"""Times of a recorded command log: decimal seconds, or ISO 8601 timestamps.

Numbers are matched by a strict expression first: `float` and `int` accept `1_0`, `nan` and digits
of other scripts, which no log means.
"""

import re
from decimal import Decimal
from typing import Literal, TypeAlias

import numpy as np

TimeKind: TypeAlias = Literal[
    "decimal seconds", "a timestamp without a zone", "a timestamp with a zone"
]

_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,20})?")
_TIMESTAMP = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,20}))?"
    r"(?P<zone>Z|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3])(?::?(?P<minutes>[0-5][0-9]))?)?"
)


def time_ns_of(text: str) -> tuple[int, TimeKind]:
    """Nanoseconds since an origin that all times of one kind share, and the kind.

    Raises:
        ValueError: if it is neither; the message is for people.
    """
    if _SECONDS.fullmatch(text):
        return _ns(text), "decimal seconds"
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError("it must be decimal seconds (12.5) or like 2024-05-01T09:30:00.250Z")
    try:
        # NumPy, for the calendar: `datetime` belongs to the clock, and stops at microseconds.
        instant = np.datetime64(f"{match['date']}T{match['time']}", "s")
    except ValueError as error:
        raise ValueError("there is no such date or time of day") from error
    ns = int(instant.astype(np.int64)) * 10**9 + _ns(f"0.{match['fraction'] or 0}")
    if match["zone"] is None:
        return ns, "a timestamp without a zone"
    return ns - _offset_ns(match), "a timestamp with a zone"


def _ns(seconds: str) -> int:
    """Rounded once, to the nearest nanosecond, halves to even."""
    return int(Decimal(seconds).scaleb(9).to_integral_value())


def _offset_ns(match: re.Match[str]) -> int:
    """How far the zone is ahead of UTC."""
    minutes = 60 * int(match["hours"] or 0) + int(match["minutes"] or 0)
    return (-minutes if match["sign"] == "-" else minutes) * 60 * 10**9
