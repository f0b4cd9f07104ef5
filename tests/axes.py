"""Axes to draw on, and what stands in their legend."""

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def make_axes() -> Axes:
    """Axes of a figure of their own."""
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


def legend_of(ax: Axes) -> list[str]:
    """The names in the legend, in their order."""
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]
