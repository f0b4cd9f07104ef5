"""What contradicts the discipline `turns`, in which all stages share one thread."""

from collections.abc import Iterator

from cqrs_sim.scenario.parts import Load, Run, WriteSide
from cqrs_sim.scenario.units import format_duration


def of_turns(run: Run, load: Load | None, write_side: WriteSide | None) -> Iterator[str]:
    """The contradictions, one line a mistake; a part that is None has mistakes of its own."""
    if run.discipline == "turns":
        if run.processors != 1:
            yield (
                f'run.processors = {run.processors}: must be 1 if run.discipline = "turns", '
                "since all take turns at one processor"
            )
        if load is not None and load.send and load.model == "closed":
            yield (
                f'load.send = "{format_duration(load.send)}": belongs to a planned load, but '
                'load.model = "closed"; must be 0s'
            )
        return
    of_turns_alone = {
        "run.settle": run.settle,
        "load.send": 0 if load is None else load.send,
        "write_side.reply": 0 if write_side is None else write_side.reply,
    }
    for path, duration in of_turns_alone.items():
        if duration:
            yield (
                f'{path} = "{format_duration(duration)}": must be 0s, unless '
                'run.discipline = "turns"'
            )
