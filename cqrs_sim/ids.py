"""The shared vocabulary of identifiers and counts.

A *version* counts the events of one order; a *position* is a place in the log's total order; a
*checkpoint* is the last position a projector has stored as applied. Mixing them is a type error.
"""

from typing import NewType

OrderId = NewType("OrderId", str)
CustomerId = NewType("CustomerId", str)
ProductId = NewType("ProductId", str)

CommandId = NewType("CommandId", int)
"""Row of the command in the trace, from 0; it also names the command in an event's metadata."""

QueryId = NewType("QueryId", int)
"""Row of the query in the trace, from 0."""

CorrelationId = NewType("CorrelationId", int)
"""Id of the command that began the conversation an event belongs to."""

Version = NewType("Version", int)
"""How many events an order has; the first event makes version 1; 0 means none."""

Position = NewType("Position", int)
"""Place in the log's total order, from 1; 0 means none."""

Nanoseconds = NewType("Nanoseconds", int)
"""An instant (from the start of the run) or a duration, in integer nanoseconds."""

Cents = NewType("Cents", int)
"""Money in integer minor units."""
