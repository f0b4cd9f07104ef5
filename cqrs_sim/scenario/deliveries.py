"""Crashes, and what is promised of delivery: which settings go together, and which are a plan."""

from collections.abc import Iterator, Mapping, Sequence

from cqrs_sim.scenario.parts import Crash, Log, ReadModel, WriteSide
from cqrs_sim.scenario.units import format_duration
from cqrs_sim.scenario.wording import joined


def of_crashes(path: str, crashes: Sequence[Crash]) -> Iterator[str]:
    """A process that is gone cannot end: each crash begins when that before it can be over."""
    back = 0
    for index, crash in enumerate(crashes):
        if crash.at < back:
            at, was_back = format_duration(crash.at), format_duration(back)
            yield (
                f'{path}.crashes[{index}].at = "{at}": must not be before the process is back from '
                f"the crash above it, at {was_back}"
            )
        back = max(back, crash.at + crash.down)


def of_stores(side: WriteSide, store: str | None, log: Log | None) -> Iterator[str]:
    """Storing and publishing are told apart of the log in memory alone, whose commits take no time.

    A store and its commits have crashes of their own.
    """
    is_modelled = log is not None and (log.commit.mean > 0 or log.append > 0)
    if not is_only_log_read(side) and (is_modelled or store not in (None, "memory")):
        yield in_memory_only(side)


def unusual_in_a_store(read_models: Mapping[str, ReadModel]) -> Iterator[str]:
    """A store writes effects and checkpoint in one transaction, and stays where it is.

    What becomes of other orders of the two is modelled in memory. So is an index that is a list.
    """
    for name, model in read_models.items():
        path = joined("read_models", name)
        if model.index == "list":
            yield f'{path}.index = "list": needs store = "memory"; in a store SQLite keeps indexes'
        planned = {
            f'delivery = "{model.delivery}"': model.delivery == "at_most_once",
            "idempotent = false": not model.idempotent,
            "crashes": bool(model.crashes),
        }
        for key in [key for key, is_planned in planned.items() if is_planned]:
            yield (
                f'{path}.{key}: needs store = "memory"; in a store the effects of a batch and its '
                "checkpoint are one transaction"
            )


def in_memory_only(side: WriteSide) -> str:
    """The mistake of a log that is not simply in memory."""
    needs = 'needs store = "memory", and no modelled time in log.commit and log.append'
    if side.crashes:
        return f"write_side.crashes: {needs}"
    return f'write_side.publish = "{side.publish}": {needs}; with a store it must be "log_first"'


def is_only_log_read(side: WriteSide) -> bool:
    """Whether read models simply read the log, of a writer that never ends."""
    return side.publish == "log_first" and not side.crashes


def may_miss_events(side: WriteSide, model: ReadModel) -> bool:
    """Whether events may never come to this read model, so that the next one meets a gap."""
    return side.publish == "dual_write" or model.delivery == "at_most_once"


def is_delivered_plainly(side: WriteSide, model: ReadModel) -> bool:
    """Whether nothing can be lost or repeated on the way to this read model."""
    is_plain = model.delivery == "at_least_once" and model.idempotent and not model.crashes
    return is_plain and not may_miss_events(side, model)


def unusual_deliveries(side: WriteSide, read_models: Mapping[str, ReadModel]) -> Iterator[str]:
    """What is planned beside a log that is simply read, as `key = value`."""
    if side.publish != "log_first":
        yield f'write_side.publish = "{side.publish}"'
    if side.crashes:
        yield "write_side.crashes"
    for name, model in read_models.items():
        if model.delivery != "at_least_once":
            yield f'read_models.{name}.delivery = "{model.delivery}"'
        if model.crashes:
            yield f"read_models.{name}.crashes"
