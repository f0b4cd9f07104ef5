"""Where the time goes: a stacked bar for each read model, whose parts sum to its length exactly."""

from collections.abc import Collection, Mapping

from cqrs_sim.analysis.stages import ENRICHMENT, MeanStages, path_stages_s
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.bars import ROW_PX, Bar, BarChart, Column, Segment
from cqrs_sim.report.chart import shortened
from cqrs_sim.report.readings import exact_ms
from cqrs_sim.report.scales import linear

STAGES = {
    "queueing": "write: queueing",
    "service": "write: service",
    "fan_out": "bus: fan-out",
    "channel": "bus: channel",
    ENRICHMENT: "read: enrichment",
    "apply": "read: apply",
}
"""Of these a page shows those that some read model has."""
ROOM_FOR_TOTALS = 1.24
"""How much longer the axis is than the longest bar."""
LEAST_WIDTH = 0.006
"""Of a part that took any time, as a fraction of the axis: one or two pixels on a phone."""
LETTERS_OF_A_BAR = 62
"""So many letters are as wide as the longest bar on a screen."""


def stage_bars(trace: Trace, *, after_ns: int, saturated: Collection[str]) -> BarChart:
    """Mean times from an order's mailbox to each read model, by stage.

    The bars share a scale, but for those of saturated read models: their times grow for as long as
    the run lasts, and would leave nothing to see of the others. They fill the width, and say so.
    """
    found = {name: path_stages_s(trace, name, after_ns=after_ns) for name in trace.read_models}
    steady = [means.whole or 0.0 for name, means in found.items() if name not in saturated]
    stages = {s: label for s, label in STAGES.items() if any(s in m.parts for m in found.values())}
    bars = tuple(
        _bar(name, means, stages, number, len(found), 0.0 if name in saturated else max(steady))
        for number, (name, means) in enumerate(found.items())
    )
    notes = ["Means over the events that passed every stage; what was never applied is left out."]
    if any(bar.is_widened for bar in bars):
        notes.append(
            f"Parts narrower than {LEAST_WIDTH * 100:.1f} % of the drawing are widened to that, at "
            "the cost of the longest part; the table has each of them exactly."
        )
    notes += [
        f"{name} is saturated: its bar is not to scale, only its parts are to each other."
        for name in found
        if name in saturated
    ]
    parts = (
        Column(look=stage.replace("_", "-"), name=text, unit="ms") for stage, text in stages.items()
    )
    return BarChart(
        key="stages",
        title="Where does the time go?",
        lead="Mean time of an event from the submission of its command to each read model; the "
        "parts sum to the whole exactly.",
        head="read model",
        bars=bars,
        columns=(*parts, Column(look="", name="in all", unit="ms")),
        alternative=" ".join(_in_words(name, means) for name, means in found.items()),
        notes=tuple(notes),
    )


def _bar(
    name: str,
    means: MeanStages,
    stages: Mapping[str, str],
    number: int,
    count: int,
    longest: float,
) -> Bar:
    """The bar of a read model; `longest` is 0 where it has a scale of its own."""
    is_to_scale = longest > 0.0
    scale = linear((longest if is_to_scale else means.whole or 0.0) * ROOM_FOR_TOTALS)
    exact = [scale.fraction(means.parts.get(stage) or 0.0) for stage in stages]
    widths = _visible(exact)
    segments, start = [], 0.0
    for (stage, label), width in zip(stages.items(), widths, strict=True):
        text = label.split(": ")[1]
        has_room = len(text) + 2 <= width * LETTERS_OF_A_BAR
        segments.append(
            Segment(
                look=stage.replace("_", "-"),
                start=start,
                width=width,
                text=text if has_room else "",
            )
        )
        start += width
    is_known = means.whole is not None
    cells = [exact_ms(means.parts.get(stage) or 0.0) if is_known else "-" for stage in stages]
    return Bar(
        name=name,
        label=shortened(name),
        segments=tuple(segments),
        end=start,
        is_to_scale=is_to_scale,
        is_widened=widths != exact,
        total=f"{milliseconds(means.whole)} ms" if is_known else "nothing was applied",
        top_px=number * ROW_PX,
        at=(number + 0.5) / count,
        cells=(*cells, exact_ms(means.whole) if means.whole is not None else "-"),
    )


def _visible(widths: list[float]) -> list[float]:
    """The same with tiny ones widened, at the cost of the longest, so that the sum stays."""
    drawn = [max(width, LEAST_WIDTH) if width > 0.0 else 0.0 for width in widths]
    longest = drawn.index(max(drawn))
    drawn[longest] -= sum(drawn) - sum(widths)
    # A bar so short as a whole is left as it is: its number stands at its end.
    return drawn if drawn[longest] >= LEAST_WIDTH else widths


def _in_words(name: str, means: MeanStages) -> str:
    if means.whole is None:
        return f"{name}: nothing passed every stage."
    parts = ", ".join(
        f"{label} {milliseconds(means.parts[stage])} ms"
        for stage, label in STAGES.items()
        if stage in means.parts
    )
    return f"{name}: {parts}; in all {milliseconds(means.whole)} ms."
