"""How a command ends: always with an exit code, never with a traceback.

0 fine, 1 internal error, 2 usage or invalid scenario, 3 a correctness check failed, 4 the
measurement is invalid, 5 the environment (disk, permission, memory), 99 a threshold or gate failed,
130 interrupted; where several apply, the first of 130, 1, 5, 3, 4, 2, 99. With `CQRS_SIM_DEBUG` set
an internal error shows its traceback.
"""

import io
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import click

from cqrs_sim.errors import (
    IncomparableResultsError,
    InvalidCommandLogError,
    InvalidScenarioError,
    ResultFolderError,
    StoreError,
)

INTERNAL, USAGE, INCORRECT, INVALID, ENVIRONMENT, FAILED, INTERRUPTED = 1, 2, 3, 4, 5, 99, 130
_LONGEST_LINE = 300
PRECEDENCE = (INTERRUPTED, INTERNAL, ENVIRONMENT, INCORRECT, INVALID, USAGE, FAILED)


class CommandLine(click.Group):
    """A group that turns every end of a command into an exit code, without tracebacks."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and exit."""
        extra["standalone_mode"] = False
        sys.exit(_exit_code(lambda: super(CommandLine, self).main(*args, **extra)))


def first_of(codes: Mapping[int, bool]) -> int:
    """The exit code that weighs most, of those that apply; 0 if none does."""
    return next((code for code in PRECEDENCE if codes.get(code)), 0)


def complain(*lines: str) -> None:
    """One line each on stderr, made safe for a terminal."""
    from cqrs_sim.terminal.screen import Screen, show_lines

    show_lines(Screen(sys.stderr), [f"cqrs-sim: {line}" for line in lines])


def _exit_code(command: Callable[[], int | None]) -> int:
    try:
        return command() or 0
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo("\n".join(map(_shortened, told.getvalue().splitlines())), err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted: nothing was written")
        return INTERRUPTED
    except (InvalidScenarioError, InvalidCommandLogError) as error:
        complain(*error.mistakes)
        return USAGE
    except IncomparableResultsError as error:
        complain(str(error))
        return USAGE
    except MemoryError:
        complain("not enough memory for a run of this size: lower the rate or the duration")
        return ENVIRONMENT
    except (ResultFolderError, StoreError) as error:
        complain(str(error))
        return ENVIRONMENT
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"{where}{error.strerror or error}")
        return ENVIRONMENT
    except Exception as error:
        complain(f"internal error: {type(error).__name__}: {error}")
        if os.environ.get("CQRS_SIM_DEBUG"):
            traceback.print_exc()
        else:
            complain("this is a bug in cqrs-sim; CQRS_SIM_DEBUG=1 shows where")
        return INTERNAL


def _shortened(line: str) -> str:
    """A line that may repeat what somebody typed, however long that was."""
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"
