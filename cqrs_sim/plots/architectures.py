"""The figures of architectures side by side, as files: the questions of the page, one each.

A panel for each substrate, a row for each architecture, the control's value as a dashed line.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cqrs_sim.analysis.architectures import (
    CONTROL,
    KINDS,
    PARTS,
    ArchitectureFigures,
    Measured,
    SideBySide,
    counts_of,
)
from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import LOAD, READ_MODELS, WRITE, dress, shown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows: TypeAlias = Sequence[ArchitectureFigures]
Draw: TypeAlias = "Callable[[Axes, Rows], None]"

KIND_COLOURS = dict(zip(KINDS, (READ_MODELS[0], "#C98500", *READ_MODELS[1::2]), strict=True))
PART_COLOURS = ("#0072B2", "#D55E00", "#E69F00", "#56B4E9")
ROW_INCHES = 0.34


def write_architecture_figures(folder: Path, found: SideBySide) -> list[Path]:
    """Draw all figures into a folder, as PNG and as SVG; one with nothing to show is left out.

    Args:
        folder: exists; files in it are overwritten.
        found: what came out; equal ones give equal bytes.
    """
    written = _write_overview(folder, found) if found.rows else []
    for name, (title, substrates, draw) in _figures(found).items():
        if substrates:
            written += _write(folder, name, title, found, substrates, draw)
    return written


def _figures(found: SideBySide) -> dict[str, tuple[str, Sequence[str], Draw]]:
    every = found.substrates
    answered = [name for name in every if any(row.answered for row in found.on(name))]
    stored = [name for name in every if any(row.stored_bytes for row in found.on(name))]
    return {
        "write": ("What does a write cost?", every, plot_writes),
        "query": ("What does a query cost?", answered, plot_queries),
        "lag": ("How far do reads trail?", every, plot_lags),
        "stale": ("How many answers are stale?", answered, plot_stale),
        "rate": ("How much load until it saturates?", every, plot_rates),
        "stored": ("What is stored?", stored, plot_stored),
        "parts": ("How many moving parts are there?", every[:1], plot_parts),
    }


def _write(
    folder: Path, name: str, title: str, found: SideBySide, substrates: Sequence[str], draw: Draw
) -> list[Path]:
    rows = max(len(found.on(substrate)) for substrate in substrates)

    def draw_all(figure: "Figure") -> None:
        # One below the other: side by side the names would leave the bars no room.
        panels = figure.subplots(len(substrates), 1, squeeze=False)[:, 0]
        for ax, substrate in zip(panels, substrates, strict=True):
            draw(ax, found.on(substrate))
            rate = f", {found.rate_on(substrate):,.4g}/s" if found.rates else ""
            if name != "parts":  # Which are the same on all of them.
                ax.set_title(f"{substrate}{rate}", loc="left", parse_math=False)

    height = 0.7 + len(substrates) * (0.9 + ROW_INCHES * rows)
    rates = [f"{found.rate_on(substrate):,.4g}" for substrate in substrates]
    how = f"{' and '.join(dict.fromkeys(rates))} operations/s offered · seed {found.seed}"
    return canvas.write_figure(folder, name, f"{title}\n{how}", height, draw_all)


def _write_overview(folder: Path, found: SideBySide) -> list[Path]:
    """Four questions about the first substrate in one figure."""
    substrate = found.substrates[0]
    rows = found.on(substrate)

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(2, 2).ravel()
        for ax, (name, of) in zip(panels, OVERVIEW.items(), strict=True):
            of(ax, rows)
            ax.set_title(name, loc="left")

    how = f"{found.rate_on(substrate):,.4g} operations/s offered · {substrate} · seed {found.seed}"
    height = 2.2 + 2 * ROW_INCHES * len(rows)
    return canvas.write_figure(folder, "overview", f"Architectures\n{how}", height, draw)


def plot_writes(ax: "Axes", rows: Rows) -> None:
    """Response of commands: the median as a bar, a line to the highest quantile known."""
    _times(ax, [(row, row.write) for row in rows], WRITE, "response of a write (ms)")


def plot_lags(ax: "Axes", rows: Rows) -> None:
    """Lag of the slowest read model, in the same way."""
    lags = [(row, row.slowest.lag) for row in rows if row.slowest is not None]
    _times(ax, lags, READ_MODELS[0], "lag of the slowest read model (ms)")


def plot_queries(ax: "Axes", rows: Rows) -> None:
    """The median response of each kind of query, as marks."""
    for kind, colour in KIND_COLOURS.items():
        marks = [(number, _median_ms(found.response)) for number, row in enumerate(rows)
                 if (found := row.of_kind(kind)) is not None]  # fmt: skip
        drawn = [(ms, number) for number, ms in marks if ms]
        if drawn:
            ax.plot(*zip(*drawn, strict=True), "o", color=colour, label=KINDS[kind])
    ax.set_xscale("log")
    for number, row in enumerate(rows):
        if row.kinds and all(_median_ms(kind.response) is None for kind in row.kinds):
            held = any(kind.response.is_withheld for kind in row.kinds)
            _told_at_edge(ax, number, row.why_withheld if held else "too few")
    first = next((kind for kind in KINDS if any(row.of_kind(kind) for row in rows)), "")
    medians = [(row, found) for row in rows if (found := row.of_kind(first)) is not None]
    # A logarithmic axis has no nought.
    values = [_median_ms(one.response) or None for _, one in medians]
    has_line = _control(ax, [row for row, _ in medians], values)
    dashed = f"; dashed: {CONTROL}, {KINDS.get(first, first)}" if has_line else ""
    _dress(ax, rows, f"median response (ms){dashed}")
    if ax.get_legend_handles_labels()[0]:
        canvas.label_log_axis(ax.xaxis, *ax.get_xlim())
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, frameon=False)
    else:
        _without_numbers(ax)


def plot_stale(ax: "Axes", rows: Rows) -> None:
    """Per cent of the answers that lacked something."""
    shares = [[100 * count / row.answered for count in row.stale_counts or (0, 0)]
              if row.answered else [0.0, 0.0] for row in rows]  # fmt: skip
    by_lag, by_cache = zip(*shares, strict=True)
    places = range(len(rows))
    ax.barh(places, by_lag, color=READ_MODELS[0], label="from a read model", height=0.6)
    if any(row.stale_from_cache is not None for row in rows):
        ax.barh(places, by_cache, left=by_lag, color="#C98500", label="from the cache", height=0.6)
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=1, frameon=False)
    for number, row in enumerate(rows):
        if row.invalid:
            _told(ax, 0.0, number, row.why_withheld)
    told = [None if row.stale_counts is None else sum(one)
            for row, one in zip(rows, shares, strict=True)]  # fmt: skip
    _control(ax, rows, told)
    _dress(ax, rows, "stale answers (%)")
    if all(value is None for value in told):
        _without_numbers(ax)


def plot_rates(ax: "Axes", rows: Rows) -> None:
    """Operations a second, flat out."""
    rates = [row.saturates_at_per_s for row in rows]
    _bars(ax, rows, rates, READ_MODELS[1], "operations/s at saturation")


def plot_stored(ax: "Axes", rows: Rows) -> None:
    """Bytes on disk."""
    _bars(ax, rows, [_megabytes(row) for row in rows], LOAD, "stored (MB)")


def plot_parts(ax: "Axes", rows: Rows) -> None:
    """What there is to run: a lane for each kind, since kinds do not add up."""
    counts = [counts_of(row) for row in rows]
    # All lanes are of one scale, with room for the numbers.
    width = 1.35 * max(max(one.values()) for one in counts)
    for lane, (name, colour) in enumerate(zip(PARTS, PART_COLOURS, strict=True)):
        left = lane * width
        values = [one[name] for one in counts]
        ax.barh(range(len(rows)), values, left=left, color=colour, height=0.6)
        for number, value in enumerate(values):
            _told(ax, left + value, number, f"{value}")
        _control(ax, rows, [left + value for value in values])
    _dress(ax, rows, "")
    ax.set_xlim(0.0, len(PARTS) * width)
    ax.set_xticks([lane * width for lane in range(len(PARTS))], PARTS, ha="left")
    ax.tick_params(axis="x", length=0)


def _times(
    ax: "Axes", found: Sequence[tuple[ArchitectureFigures, Measured]], colour: str, label: str
) -> None:
    rows = [row for row, _ in found]
    medians = [_median_ms(measured) for _, measured in found]
    ax.barh(range(len(rows)), [median or 0.0 for median in medians], color=colour, height=0.6)
    for number, (row, measured) in enumerate(found):
        end = median = medians[number] or 0.0
        text = canvas.plain_number(round(median, 3))
        if medians[number] is None:
            text = row.why_withheld if measured.is_withheld else "too few"
        if measured.tail is not None and measured.tail[0] != "p50" and measured.tail[1]:
            name, tail_s = measured.tail
            end = tail_s * 1e3
            ax.plot([median, end], [number, number], color=colour, linewidth=1.6)
            ax.plot([end], [number], "o", color=colour, markersize=5)
            text += f"; {name} {end:,.3g}"
        _told(ax, end, number, text)
    _control(ax, rows, medians)
    _dress(ax, rows, label)
    if all(median is None for median in medians):
        _without_numbers(ax)


def _without_numbers(ax: "Axes") -> None:
    """Where nothing lies along an axis, its numbers would be somebody's guess."""
    ax.set_xticks([])
    ax.set_xticks([], minor=True)


def _bars(ax: "Axes", rows: Rows, values: Sequence[float | None], colour: str, label: str) -> None:
    ax.barh(range(len(rows)), [value or 0.0 for value in values], color=colour, height=0.6)
    for number, value in enumerate(values):
        digits = 0 if value is not None and value >= 100.0 else 3
        text = "not known" if value is None else canvas.plain_number(round(value, digits))
        _told(ax, value or 0.0, number, text)
    _control(ax, rows, values)
    _dress(ax, rows, label)


def _told(ax: "Axes", end: float, number: int, text: str) -> None:
    ax.annotate(text, (end, number), (5, 0), textcoords="offset points", va="center",
                fontsize="small")  # fmt: skip


def _told_at_edge(ax: "Axes", number: int, text: str) -> None:
    """Where an axis has no nought to begin at."""
    ax.annotate(text, (0.0, number), (5, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", va="center", fontsize="small")  # fmt: skip


def _control(ax: "Axes", rows: Rows, values: Sequence[float | None]) -> bool:
    """The control's value, unless there is none to hold others against; whether there is one."""
    known = [
        value
        for row, value in zip(rows, values, strict=True)
        if row.architecture == CONTROL and value is not None
    ]
    for value in known:
        ax.axvline(value, color="black", linestyle="--", linewidth=0.9, alpha=0.7)
    return bool(known)


def _dress(ax: "Axes", rows: Rows, label: str) -> None:
    """Names of the architectures from the top, and room for the numbers at the right."""
    from matplotlib.ticker import MaxNLocator

    dress(ax, "", "", label)
    ax.set_yticks(range(len(rows)), list(_names(rows)), parse_math=False)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    if ax.get_xscale() == "linear":
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(canvas.plain_number)
        ax.set_xlim(0.0, 1.42 * max(ax.get_xlim()[1] / 1.05, 1e-9))


def _names(rows: Rows) -> Iterator[str]:
    for row in rows:
        wrong = " (DIVERGED)" if row.is_diverged else " (invalid)" if row.invalid else ""
        wrong = wrong or (" (no order)" if row.is_unordered else "")
        yield f"{shown_name(row.architecture)}{wrong}"


def _median_ms(measured: Measured) -> float | None:
    if measured.is_always_zero:
        return 0.0
    median_s = measured.quantile_s("p50")
    return None if median_s is None else median_s * 1e3


def _megabytes(row: ArchitectureFigures) -> float | None:
    return None if row.stored_bytes is None else row.stored_bytes / 1e6


OVERVIEW: dict[str, Draw] = {
    "What does a write cost?": plot_writes,
    "What does a query cost?": plot_queries,
    "How far do reads trail?": plot_lags,
    "How much load until it saturates?": plot_rates,
}
