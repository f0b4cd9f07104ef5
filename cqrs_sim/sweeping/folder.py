"""The folder of a sweep: what is finished, kept run by run, so that it can be taken up again.

    sweep.json                     what is run, for whoever comes back to it
    points/001/scenario.toml       resolved and runnable
    points/001/replications.jsonl  a line a seed, in the order of the seeds
    results.csv, results.npz       all of it as a table
    figures/

Files are written beside their place and put there at once. A line that is torn all the same, or of
a seed that is not asked for, is left out, and that seed runs again: so a folder never says more
than was finished, and ends with the same bytes however often it was interrupted.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.results import SCENARIO, check_folder
from cqrs_sim.scenario.reading import to_toml
from cqrs_sim.sweeping.designs import Point
from cqrs_sim.sweeping.sweep import Sweep

SWEEP = "sweep.json"
POINTS = "points"
REPLICATIONS = "replications.jsonl"
SCHEMA = 1
_WHAT = {
    "engine": "its engine is {}",
    "seed": "its first seed is {}",
    "versions": "it was run by other versions ({})",
    "scenario": "its scenario is another one",
    "points": "its points are others",
}
"""How a folder differs from a sweep, by the key of its identity."""


class Store(Protocol):
    """Where finished runs go."""

    def kept(self, point: Point) -> dict[int, str]:
        """The lines of a point that are there, by seed."""

    def keep(self, point: Point, lines: Mapping[int, str]) -> None:
        """Add lines of a point, by seed."""


@attrs.frozen
class Memory:
    """A store that ends with the process."""

    _lines: dict[int, dict[int, str]] = attrs.field(factory=dict)

    def kept(self, point: Point) -> dict[int, str]:
        """See `Store`."""
        return dict(self._lines.get(point.number, {}))

    def keep(self, point: Point, lines: Mapping[int, str]) -> None:
        """See `Store`."""
        self._lines.setdefault(point.number, {}).update(lines)


class SweepFolder:
    """A store on disk."""

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self.path = path
        self._sweep = sweep
        self._width = len(str(len(sweep.points)))

    def kept(self, point: Point) -> dict[int, str]:
        """See `Store`; what is no whole line of a seed is not there."""
        try:
            text = (self._of(point) / REPLICATIONS).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return {}
        found = {}
        for line in text.splitlines():
            seed = _seed_of(line)
            if seed is not None:
                found[seed] = line
        return dict(sorted(found.items()))

    def keep(self, point: Point, lines: Mapping[int, str]) -> None:
        """See `Store`."""
        folder = self._of(point)
        with writing_to(self.path):
            together = dict(sorted({**self.kept(point), **lines}.items()))
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / SCENARIO).exists():
                put_text(to_toml(self._sweep.scenarios[point.number - 1]), folder / SCENARIO)
            put_text("".join(f"{line}\n" for line in together.values()), folder / REPLICATIONS)

    def _of(self, point: Point) -> Path:
        return self.path / POINTS / f"{point.number:0{self._width}}"


def open_folder(path: Path, sweep: Sweep, *, force: bool = False) -> SweepFolder:
    """The folder of a sweep: a new one, or the one in which it was begun.

    Args:
        path: must not exist, be empty, or hold this sweep.
        sweep: what is to be run.
        force: replace another sweep there (nothing else is ever replaced).

    Raises:
        ResultFolderError: if that may not or cannot be done; one line that names the folder.
    """
    if not path.is_symlink() and (path / SWEEP).is_file():
        difference = difference_from(path, sweep)
        if difference and not force:
            raise ResultFolderError(
                f"{path} holds another sweep: {difference}; name another folder, "
                "or --force replaces it"
            )
        if difference or force:
            _empty(path)
    else:
        check_folder(path, force=False)
    with writing_to(path):
        path.mkdir(parents=True, exist_ok=True)
        put_text(f"{json.dumps(_description(sweep), indent=2)}\n", path / SWEEP)
    return SweepFolder(path, sweep)


@contextmanager
def held_folder(path: Path, sweep: Sweep, *, force: bool = False) -> Iterator[SweepFolder]:
    """The folder of a sweep as `open_folder` gives it, kept from others meanwhile.

    The lock is the system's own, on the folder itself: nothing is left of it, whatever ends us.

    Raises:
        ResultFolderError: as there, and if another sweep is at work in it.
    """
    with ExitStack() as stack:
        was_there = path.is_dir()
        if was_there:
            stack.enter_context(_alone_in(path))
        folder = open_folder(path, sweep, force=force)
        if not was_there:
            stack.enter_context(_alone_in(path))
        yield folder


@contextmanager
def _alone_in(path: Path) -> Iterator[None]:
    with writing_to(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultFolderError(f"{path}: another sweep is at work in it") from None
        yield
    finally:
        os.close(descriptor)


def difference_from(path: Path, sweep: Sweep) -> str:
    """How a sweep's folder differs from a sweep; empty if it is the sweep's own."""
    try:
        written = json.loads((path / SWEEP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"its {SWEEP} cannot be read"
    if not isinstance(written, dict) or written.get("schema") != SCHEMA:
        return f"its {SWEEP} is not of schema {SCHEMA}"
    asked = sweep.identity()
    for key, told in _WHAT.items():
        if written.get(key) != asked[key]:
            return told.format(_brief(written.get(key)))
    return ""


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Let a failure name the folder that somebody knows."""
    try:
        yield
    except OSError as error:
        raise ResultFolderError(f"cannot write to {path}: {error.strerror or error}") from error


def put_text(text: str, path: Path) -> None:
    """Write a file beside its place, then put it there at once."""
    put_bytes(text.encode(), path)


def put_bytes(content: bytes, path: Path) -> None:
    """As `put_text`."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _description(sweep: Sweep) -> Json:
    return {
        "schema": SCHEMA,
        "name": sweep.base.name,
        "replications": sweep.replications,
        "factors": [
            {"path": factor.path, "levels": [level.text for level in factor.levels]}
            for factor in sweep.factors
        ],
        **sweep.identity(),
    }


def _seed_of(line: str) -> int | None:
    """The seed of a line; None if it is not whole."""
    try:
        run = json.loads(line)
    except ValueError:
        return None
    if not isinstance(run, dict) or not isinstance(run.get("summary"), dict):
        return None
    seed, trace = run.get("seed"), run.get("trace")
    is_whole = isinstance(seed, int) and not isinstance(seed, bool) and isinstance(trace, str)
    return seed if is_whole else None


def _brief(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())[:100]
    return str(value)[:100]


def _empty(path: Path) -> None:
    """Remove what a sweep writes, and nothing else."""
    with writing_to(path):
        for name in (POINTS, "figures"):
            if (path / name).is_dir() and not (path / name).is_symlink():
                shutil.rmtree(path / name)
        for name in ("results.csv", "results.npz", SWEEP):
            (path / name).unlink(missing_ok=True)
