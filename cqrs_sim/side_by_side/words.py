"""What the numbers say: what each architecture gives up, and the answer in one sentence.

Nothing here is fixed: each text is made from what was measured, and is left out where nothing was.
"""

from collections.abc import Iterator, Sequence

import attrs

from cqrs_sim.analysis.architectures import (
    CONTROL,
    KINDS,
    UNORDERED,
    ArchitectureFigures,
    Measured,
    SideBySide,
    query_times,
    rate_times,
    times_of,
)
from cqrs_sim.plain_text import count_of, milliseconds, percent, printable

REMARKABLE = {"virtual": 0.03, "wall": 0.25}
"""Share by which two times must differ to be told apart, by engine: in real time a run is a short
one, and whatever else the machine did is in it."""
REMARKABLE_RATE = {"virtual": 0.03, "wall": 0.33}
"""The same of two rates at saturation, of each of which there is one figure."""
SUBSTRATE_WORDS = {
    "modelled": "on modelled costs",
    "memory": "in memory on this machine",
    "sqlite": "on SQLite on this machine",
}


def gives_up(row: ArchitectureFigures, rows: Sequence[ArchitectureFigures]) -> tuple[str, ...]:
    """What it gives up, as against the control; the control, as against the best of the others.

    Args:
        row: the architecture.
        rows: all of its substrate, itself among them.
    """
    control = next((one for one in rows if one.architecture == CONTROL), None)
    told = [*_wrong(row), *_overloaded(row)]
    if row.invalid:
        told += [
            "its times are not known: the measurement is invalid",
            *_known_anyway(row, control),
        ]
    elif row.architecture == CONTROL:
        told += _of_control(row, [one for one in rows if one is not row and not one.is_unordered])
    elif control is not None:
        told += _of_reads(row)
        if not control.invalid:
            told += _of_writes(row, control)
            told += _of_queries(row, control)
        told += _of_rate(row, control)
        told += _of_parts(row, control)
    return tuple(told)


def _known_anyway(row: ArchitectureFigures, control: ArchitectureFigures | None) -> Iterator[str]:
    """What does not rest on the open load: flat out nobody sends too late."""
    if control is not None and row is not control:
        yield from _of_rate(row, control)
        yield from _of_parts(row, control)


def _wrong(row: ArchitectureFigures) -> Iterator[str]:
    if row.diverged is not None:
        wrong = row.diverged
        yield f"{wrong.orders:,} of {count_of(wrong.of, 'order')} shown wrong for good"
    elif row.is_unordered:
        yield UNORDERED


def _overloaded(row: ArchitectureFigures) -> Iterator[str]:
    for reason in row.saturated:
        yield f"saturated at this rate: {reason}"


def _of_reads(row: ArchitectureFigures) -> Iterator[str]:
    if row.slowest is not None and row.slowest.lag.tail is not None:
        name, lag_s = row.slowest.lag.tail
        if lag_s > 0.0:
            yield f"reads trail writes by {milliseconds(lag_s)} ms ({name}){_of_cache(row)}"
    if row.stale:
        cached = row.stale_from_cache
        of_cache = f", {cached:,} of {row.stale:,} from the cache" if cached else ""
        yield f"{percent(row.stale, row.answered)} of answers are stale{of_cache}"


def _of_cache(row: ArchitectureFigures) -> str:
    """What the lag of a read model says nothing of: a cache keeps answers from before."""
    if row.cache_age is None or row.cache_age.tail is None:
        return ""
    name, age_s = row.cache_age.tail
    return f", {milliseconds(age_s)} ms ({name}) from the cache" if age_s > 0.0 else ""


def _of_writes(row: ArchitectureFigures, control: ArchitectureFigures) -> Iterator[str]:
    more = _longer(row.write, control.write, row.engine)
    if more is not None and more > REMARKABLE[row.engine]:
        yield f"writes take {_more(more)} {CONTROL}'s"


def _of_queries(row: ArchitectureFigures, control: ArchitectureFigures) -> Iterator[str]:
    """The kind that loses most."""
    found = [(kind.kind, control.of_kind(kind.kind), kind.response) for kind in row.kinds]
    longer = [
        (_longer(response, other.response, row.engine), kind)
        for kind, other, response in found
        if other is not None
    ]
    known = [
        (more, kind) for more, kind in longer if more is not None and more > REMARKABLE[row.engine]
    ]
    if known:
        more, kind = max(known)
        yield f"queries {KINDS.get(kind, kind)} take {_more(more)} {CONTROL}'s"


def _of_rate(row: ArchitectureFigures, control: ArchitectureFigures) -> Iterator[str]:
    times = rate_times(row, control)
    if times is not None and times < 1.0 - REMARKABLE_RATE[row.engine]:
        yield f"saturates at {times:.2g} x {CONTROL}'s rate"


def _of_parts(row: ArchitectureFigures, control: ArchitectureFigures) -> Iterator[str]:
    counts = (
        (len(row.parts.actors) - len(control.parts.actors), "kind of actor", "kinds of actor"),
        (row.parts.channels - control.parts.channels, "channel", "channels"),
        (row.parts.databases - control.parts.databases, "database", "databases"),
    )
    more = [f"{n} {one if n == 1 else many}" for n, one, many in counts if n > 0]
    if more:
        yield f"{_listed(more)} more to run"
    if row.stored_bytes and control.stored_bytes:
        times = row.stored_bytes / control.stored_bytes
        if times > 1.0 + REMARKABLE[row.engine]:
            yield f"stores {times:.2g} x as much"


def _of_control(row: ArchitectureFigures, others: Sequence[ArchitectureFigures]) -> Iterator[str]:
    """Where others are better: what one pays for a single model."""
    found = [(query_times(other, row), other) for other in others if not other.invalid]
    slower = [(1.0 / times, other) for times, other in found if times]
    if slower:
        times, best = max(slower, key=lambda pair: pair[0])
        if times > 1.0 + REMARKABLE[row.engine]:
            yield f"queries take {times:.2g} x as long as in {printable(best.architecture)}"
    rates = [(rate_times(other, row), other) for other in others if not other.is_diverged]
    faster = [(times, other) for times, other in rates if times is not None]
    if faster:
        times, best = max(faster, key=lambda pair: pair[0])
        if times > 1.0 + REMARKABLE_RATE[row.engine]:
            yield f"{printable(best.architecture)} holds {times:.2g} x its rate"


def answered(found: SideBySide) -> SideBySide:
    """The same with its answer: of the first substrate, in words made of the numbers."""
    if not found.rows:
        nothing = ("interrupted before the first architecture was run",)
        return attrs.evolve(found, where="INCOMPLETE:", answers=nothing)
    substrate = found.substrates[0]
    control = found.control(substrate)
    others = [row for row in found.on(substrate) if row.architecture != CONTROL]
    told = [f"{printable(row.architecture)} {_told(row, control)}" for row in others]
    if control is not None and control.saturated:
        told.insert(0, f"{CONTROL} is saturated ({control.saturated[0]})")
    until = "" if found.complete else "INCOMPLETE: interrupted; until then "
    where = f"At {found.rate_on(substrate):,.4g}/s {SUBSTRATE_WORDS.get(substrate, substrate)}"
    only = f"only {printable(found.rows[0].architecture)} was run"
    return attrs.evolve(
        found,
        where=f"{until}{where}",
        answers=tuple(told) or (only,),
        elsewhere=tuple(_elsewhere(found)),
    )


def _elsewhere(found: SideBySide) -> Iterator[str]:
    """The answer is that of the first substrate; it is told what is wrong on the others."""
    for substrate in found.substrates[1:]:
        rows, where = found.on(substrate), SUBSTRATE_WORDS.get(substrate, substrate)
        invalid = [row for row in rows if row.invalid]
        if invalid:
            names = _listed([printable(row.architecture) for row in invalid])
            count = f"{len(invalid)} of {len(rows)} could not be measured"
            first = printable(invalid[0].architecture)
            yield f"{where} {count} ({names}); of {first}: {invalid[0].invalid[0]}"
        for row in rows:
            name = printable(row.architecture)
            if row.is_diverged:
                yield f"{where} {name} {_told(row, None)}"
            elif row.failed:
                yield f"{where} a check of {name} FAILED: {row.failed[0]}"


def _told(row: ArchitectureFigures, control: ArchitectureFigures | None) -> str:
    """One architecture, as against the control."""
    if row.diverged is not None:
        wrong = row.diverged
        return f"DIVERGED: it shows {wrong.orders:,} of {count_of(wrong.of, 'order')} wrong"
    told = _compared(row, control)
    return f"{told} ({UNORDERED})" if row.is_unordered else told


def _compared(row: ArchitectureFigures, control: ArchitectureFigures | None) -> str:
    if row.saturated:
        return f"is saturated ({row.saturated[0]})"
    if row.invalid:
        return f"could not be measured ({row.invalid[0]})"
    parts = []
    if control is not None and not control.invalid:
        parts = [*_faster_queries(row, control), *_dearer(row, control)]
    if row.slowest is not None and row.slowest.lag.tail is not None:
        name, lag_s = row.slowest.lag.tail
        if lag_s > 0.0:
            parts.append(f"shows a write {milliseconds(lag_s)} ms late ({name}){_of_cache(row)}")
    known = control is not None and times_of(row.write, control.write, row.engine) is not None
    nothing = "differs in nothing that was measured" if known else "has too few values to compare"
    return _listed(parts) or nothing


def _faster_queries(row: ArchitectureFigures, control: ArchitectureFigures) -> Iterator[str]:
    share = query_times(row, control)
    if not share:
        return
    times = 1.0 / share
    if times > 1.0 + REMARKABLE[row.engine]:
        yield f"answers queries {times:.2g} x as fast as {CONTROL}"
    elif times < 1.0 - REMARKABLE[row.engine]:
        yield f"answers queries at {times:.2g} x the speed of {CONTROL}"


def _dearer(row: ArchitectureFigures, control: ArchitectureFigures) -> Iterator[str]:
    more = _longer(row.write, control.write, row.engine)
    if more is not None and abs(more) > REMARKABLE[row.engine]:
        yield f"takes {_more(more).rpartition(' ')[0]} for a write"


def _longer(measured: Measured, control: Measured, engine: str) -> float | None:
    """By which share of the control's it is longer; below 0 where it is shorter."""
    times = times_of(measured, control, engine)
    return None if times is None else times - 1.0


def _more(share: float) -> str:
    if share >= 1.0:
        return f"{share + 1.0:.2g} x as long as"
    return f"{abs(share) * 100:.0f} % {'longer' if share > 0.0 else 'less'} than"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
