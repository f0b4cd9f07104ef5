"""Scenario files: read, checked and written.

A file comes from anybody. Its size is limited before its bytes are looked at, its nesting before it
is parsed, and whatever the parser raises becomes one line of an `InvalidScenarioError`.
"""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.settings import apply_settings
from cqrs_sim.scenario.structuring import scenario_from
from cqrs_sim.scenario.toml_text import to_toml

__all__ = ["apply_settings", "read_document", "read_scenario", "scenario_from", "to_toml"]

LARGEST_BYTES = 1_000_000
_MOST_DOTS = 300


def read_scenario(source: str | Path, settings: Sequence[str] = ()) -> Scenario:
    """The scenario of a TOML text, or of the file at a `Path`, with settings on top of it.

    Raises: InvalidScenarioError: if anything is wrong; it lists every mistake, one line each.
    """
    return scenario_from(apply_settings(read_document(source), settings))


def read_document(source: str | Path) -> dict[str, object]:
    """The unchecked document of a TOML text, or of the file at a `Path`.

    Raises: InvalidScenarioError: if it cannot be read or is not TOML.
    """
    try:
        text = _text_of(source) if isinstance(source, Path) else source
        document = _parsed(text)
    except ValueError as error:
        where = f"{_printable(str(source))}: " if isinstance(source, Path) else ""
        raise InvalidScenarioError([f"{where}{error}"]) from None
    return document


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST_BYTES:
        raise ValueError(_TOO_LARGE)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: is not UTF-8") from None


_TOO_LARGE = f"is larger than {LARGEST_BYTES:,} bytes, too large for a scenario"


def _parsed(text: str) -> dict[str, object]:
    # Editors of some systems write a byte order mark; TOML does not know it.
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST_BYTES:
        raise ValueError(_TOO_LARGE)
    for number, line in enumerate(text.split("\n"), start=1):
        # The parser's time is quadratic in the parts of a dotted key: 50,000 took 57 s.
        if line.count(".") > _MOST_DOTS:
            raise ValueError(f"line {number}: is no line of a scenario (over {_MOST_DOTS} dots)")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_syntax_mistake(str(error), text)) from None
    except RecursionError:
        raise ValueError("not valid TOML: nested too deep") from None
    except ValueError:
        # The only other one: `int` refuses what would take it quadratic time.
        raise ValueError("not valid TOML: an integer has over 4,300 digits") from None
    if not document:
        raise ValueError("is empty: a scenario has at least one key, such as load.rate")
    return document


def _syntax_mistake(message: str, text: str) -> str:
    """The parser's message, with its place before it."""
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if place is not None:
        message = message[: place.start()]
    line = place[1] if place and place[1] else text.rstrip().count("\n") + 1
    if message == "Cannot overwrite a value":
        message = "a key stands twice"
    return f"line {line}: not valid TOML: {_printable(message)}"


def _printable(text: str) -> str:
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
