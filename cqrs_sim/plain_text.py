"""Names and figures as plain text: the same words in the terminal, the report and the verdict.

Names come from files of anybody, so what could steer whoever shows them is escaped. Figures are
rounded to what a reader can use; exact values stand in `summary.json`.
"""

from collections.abc import Sequence


def printable(text: str) -> str:
    """The text on one line, with everything that could steer a terminal escaped."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


def milliseconds(duration_s: float | None) -> str:
    """Milliseconds to about three digits; `-` where withheld."""
    if duration_s is None:
        return "-"
    value = duration_s * 1e3
    if value == 0.0:
        return "0"
    # Each limit is where rounding would add a digit.
    for limit, digits in ((0.0995, 3), (9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def some_of(numbers: Sequence[int], count: int) -> str:
    """The first of `count` numbers, and how many more there are: `3, 7, 12 and 4 more`."""
    more = count - len(numbers)
    return ", ".join(map(str, numbers)) + (f" and {more:,} more" if more else "")


def percent(part: int, whole: int) -> str:
    """A share in per cent; 0 and 100 only where it is exactly that."""
    if not part or not whole:
        return "0 %"
    share = 100 * part / whole
    if part == whole:
        return "100 %"
    if share < 0.1 or share > 99.9:
        return "< 0.1 %" if share < 0.1 else "> 99.9 %"
    return f"{share:.1f} %" if share < 9.95 or share > 99.0 else f"{share:.0f} %"


def count_of(number: int, noun: str) -> str:
    """A number with its noun, such as "1 check" or "2 checks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
