"""A bar chart as numbers: a row for each of a few things, made of parts that lie side by side.

Like a `chart.Chart` it is drawn from what its table says, and knows nothing of HTML. Places are
fractions of the width, since a chart is as wide as the reader's screen.
"""

import attrs

from cqrs_sim.report.scales import Tick

ROW_PX = 58
"""Of a row: its name, its bar, and a gap."""


@attrs.frozen(kw_only=True)
class Segment:
    """One part of a bar."""

    look: str
    """Class of its colour."""
    start: float
    width: float
    """Fractions of the axis."""
    text: str = ""
    """Stands in the segment; empty where there is no room."""


@attrs.frozen(kw_only=True)
class Mark:
    """A value that is a place rather than a length."""

    look: str
    at: float
    """Fraction of the axis."""
    is_end: bool = False
    """Whether a line leads to it from the end of the bar, as to a p99 from a p50."""


@attrs.frozen(kw_only=True)
class Bar:
    """One row."""

    name: str
    label: str
    """The same, if need be shortened to fit the drawing."""
    segments: tuple[Segment, ...] = ()
    marks: tuple[Mark, ...] = ()
    end: float
    """Where the total stands: fraction of the axis."""
    total: str
    tone: str = ""
    """`bad` where the row is bad news."""
    is_to_scale: bool = True
    """False: the bar is longer than it can be drawn."""
    is_widened: bool = False
    """Whether a part is drawn wider than it is, so that it is seen."""
    top_px: int
    at: float
    """Where its middle lies, as a fraction of the height."""
    cells: tuple[str, ...]
    """What a reader is told: one a column."""


@attrs.frozen(kw_only=True)
class Column:
    """A column of the chart's table, which is also what the pointer reads."""

    look: str
    """Class of its colour; "" if it has none."""
    name: str
    unit: str = ""
    is_mark: bool = False
    """Whether it is drawn as a mark: so the legend shows it."""


@attrs.frozen(kw_only=True)
class ControlLine:
    """The value that the others are held against, through all rows."""

    at: float
    """Fraction of the axis."""
    text: str


@attrs.frozen(kw_only=True)
class BarChart:
    """All rows, with their words."""

    key: str
    """Unique on the page; lower case letters and hyphens."""
    title: str
    lead: str = ""
    head: str
    """Of the table's first column."""
    bars: tuple[Bar, ...]
    columns: tuple[Column, ...]
    """The parts and marks; those with a colour make the legend. Then sums, which have none."""
    alternative: str
    """What the picture shows, in words and figures, for those who do not see it."""
    notes: tuple[str, ...] = ()
    ticks: tuple[Tick, ...] = ()
    """None: the numbers beside the bars must do."""
    axis_title: str = ""
    control: ControlLine | None = None

    @property
    def height(self) -> int:
        """Of the drawing, in pixels."""
        return ROW_PX * len(self.bars)

    @property
    def legend(self) -> tuple[Column, ...]:
        """What the colours mean; nothing where there is one colour only."""
        found = tuple(column for column in self.columns if column.look)
        return found if len(found) > 1 else ()
