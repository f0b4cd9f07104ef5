"""What the figures share: colours, dressed axes, legends, labels, and how a figure is saved.

Colours are Okabe and Ito's, which colour-blind readers can tell apart, and mean the same
everywhere: warm for the write side, yellow for the bus, cool for the read side, grey for the load.
Names come from files of anybody, so no text of a figure is read as a formula.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

LineStyle: TypeAlias = Literal["-", "--", ":"]

LOAD = "#666666"
WRITE = "#D55E00"
READ_MODELS = ("#0072B2", "#009E73", "#56B4E9", "#CC79A7")
"""By index in the trace, round and round."""
WIDTH = 9.0
"""Of every figure that is saved, in inches."""
FORMATS = ("png", "svg")


def write_figure(
    folder: Path, name: str, title: str, height: float, draw: Callable[["Figure"], None]
) -> list[Path]:
    """Draw a figure into a folder, as PNG and as SVG; equal ones give equal bytes.

    Args:
        folder: exists; files in it are overwritten.
        name: of the files, without a suffix.
        title: stands above the figure.
        height: in inches.
        draw: called once with the empty figure.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    written = []
    with (
        mpl.rc_context({"svg.hashsalt": "cqrs_sim", "font.size": 9, "axes.titlesize": 10}),
        warnings.catch_warnings(),
    ):
        # A scenario may be named in letters that the font lacks: a box is drawn, that is enough.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.suptitle(title, parse_math=False, fontweight="bold", fontsize=11)
        draw(figure)
        for suffix in FORMATS:
            path = folder / f"{name}.{suffix}"
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            figure.savefig(path, dpi=120, metadata=metadata)
            written.append(path)
    return written


def dress(ax: "Axes", title: str, ylabel: str, xlabel: str = "") -> None:
    """Title, labels, a faint grid behind the curves, and no box around them."""
    ax.set_title(title, loc="left", parse_math=False)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(visible=True, color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: "Axes", lines: Sequence["Line2D | ErrorbarContainer"]) -> None:
    """Beside the axes, where it cannot hide a curve."""
    shown = ax.legend(
        handles=list(lines), loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False
    )
    for text in shown.get_texts():
        text.set_parse_math(False)


def line_style(name: str, dashes: LineStyle) -> "Line2D":
    """A legend entry that explains a line style."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=LOAD, linestyle=dashes, label=name)


def labelled(lines: Iterable["Line2D"]) -> list["Line2D"]:
    """Those that a legend would name."""
    return [line for line in lines if not str(line.get_label()).startswith("_")]


def note(ax: "Axes", at_s: float, text: str, *, line: int = 0) -> None:
    """A word near the upper edge, so many lines below it, to the right of an instant."""
    ax.annotate(
        text,
        (at_s, 1.0),
        (3, -3 - 11 * line),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        color=LOAD,
        fontsize="small",
    )


def heights(lines: Sequence["Line2D"]) -> NDArray[np.float64]:
    """All y values of the lines, shape (n,), in their order."""
    return np.concatenate([np.asarray(line.get_ydata(), dtype=np.float64) for line in lines])


def log_if_positive(ax: "Axes", lines: Sequence["Line2D"]) -> None:
    """A logarithmic y axis, unless there is nothing that it could show."""
    if np.any(heights(lines) > 0.0):
        ax.set_yscale("log")
        label_log_axis(ax.yaxis, *ax.get_ylim())


def label_log_axis(axis: "Axis", low: float, high: float) -> None:
    """Plain numbers, and more of them where powers of ten would be too few."""
    from matplotlib.ticker import LogLocator

    axis.set_major_formatter(plain_number)
    if high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_formatter("")


def plain_number(value: float, _position: float | None = None) -> str:
    """Tick label without an exponent: 0.01, 1, 10,000."""
    return f"{value:,.10g}"


def shown_name(name: str) -> str:
    """A name as a label: matplotlib leaves labels that begin with an underscore out."""
    return f" {name}" if name.startswith("_") else name


def milliseconds(duration_s: float) -> str:
    """A duration beside a mark, in about three digits."""
    return f"{duration_s * 1e3:,.3g} ms" if duration_s < 1.0 else f"{duration_s * 1e3:,.0f} ms"
