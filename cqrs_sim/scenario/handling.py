"""Who handles commands, and which keys then have no meaning, or would promise what is not there."""

from collections.abc import Iterator, Mapping

import attrs

from cqrs_sim.scenario.parts import Log, ReadModel, Run, WriteSide
from cqrs_sim.scenario.units import format_duration
from cqrs_sim.scenario.wording import joined

OF_AN_ACTOR = (
    *("mailbox", "policy", "passivate_after", "pauses", "snapshot_every", "replay"),
    *("keeps", "crashes"),
)
"""Keys of what only an order actor has: a mailbox, a memory, a way back from what is stored."""


def of_handling(
    side: WriteSide,
    run: Run | None,
    log: Log | None,
    read_models: Mapping[str, ReadModel] | None,
    store: str | None,
) -> Iterator[str]:
    """Keys of order actors where there are none; retries may stand beside, to be compared."""
    if side.retry.cap < side.retry.backoff:
        cap, backoff = format_duration(side.retry.cap), format_duration(side.retry.backoff)
        yield f'write_side.retry.cap = "{cap}": must not be below its backoff = "{backoff}"'
    if side.handling == "mailbox":
        return
    handling = f'write_side.handling = "{side.handling}"'
    why = f"{handling}: no actor owns an order"
    defaults = attrs.fields_dict(WriteSide)
    for key in OF_AN_ACTOR:
        if getattr(side, key) != defaults[key].default:
            yield f"write_side.{key}: belongs to order actors, but {why}; leave it out"
    if run is not None and run.discipline == "turns":
        yield f'run.discipline = "turns": is that of order actors, but {why}; must be "fifo"'
    for name, model in (read_models or {}).items():
        if model.projection == "inline":
            yield (
                f'{joined("read_models", name)}.projection = "inline": the order actor updates it, '
                f'but {why}; must be "async" or "task"'
            )
    is_modelled = log is not None and (log.commit.mean > 0 or log.append > 0)
    if side.handling == "unchecked" and (is_modelled or store not in (None, "memory")):
        yield in_memory_only(side)


def in_memory_only(side: WriteSide) -> str:
    """The mistake of writes that nobody checks, in a store that does."""
    return (
        f'write_side.handling = "{side.handling}": needs store = "memory", and no modelled time in '
        'log.commit and log.append; where writes are checked it must be "optimistic"'
    )
