"""Graphs as Mermaid flowcharts: nodes, edges, groups, and the text that a page or editor draws.

The syntax is that of Mermaid's flowcharts (mermaid.js.org, "Flowcharts - Basic Syntax"). Text
comes from files of anybody, so what could end a label or begin markup is written as an entity.
"""

import json
from collections.abc import Iterator
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.plain_text import printable

Side: TypeAlias = Literal["load", "write", "bus", "read"]
Shape: TypeAlias = Literal["actor", "store", "outside"]

_BRACKETS: dict[Shape, tuple[str, str]] = {
    "actor": ("[", "]"),
    "store": ("[(", ")]"),
    "outside": ("([", "])"),
}
# As in the figures, but as lines only: these show on light pages and on dark ones.
_COLOURS: dict[Side, str] = {
    "load": "#666666",
    "write": "#D55E00",
    "bus": "#E69F00",
    "read": "#0072B2",
}
_ENTITIES = {ord(character): f"#{ord(character)};" for character in '"#&<>`'}


@attrs.frozen(kw_only=True)
class Node:
    """Something that stands somewhere."""

    id: str
    """Of letters, digits and `_`; unique in its graph."""
    side: Side
    shape: Shape = "actor"
    lines: tuple[str, ...]
    """What is written in it."""


@attrs.frozen(kw_only=True)
class Edge:
    """What goes from one node to another."""

    source: str
    target: str
    lines: tuple[str, ...] = ()
    """What is written on it."""
    is_dashed: bool = False


@attrs.frozen(kw_only=True)
class Group:
    """Nodes with a box around them."""

    id: str
    heading: str
    nodes: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Graph:
    """A diagram."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    """No node is in two of them."""


def to_mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart from left to right; equal graphs give equal text."""
    return "\n".join([*_lines_of(graph), ""])


def _lines_of(graph: Graph) -> Iterator[str]:
    yield from ("---", f"title: {json.dumps(printable(graph.title))}", "---", "flowchart LR")
    grouped = {node for group in graph.groups for node in group.nodes}
    for node in graph.nodes:
        if node.id not in grouped:
            yield f"    {_node(node)}"
    for group in graph.groups:
        yield f'    subgraph {group.id}["{_text((group.heading,))}"]'
        yield from (f"        {_node(node)}" for node in graph.nodes if node.id in group.nodes)
        yield "    end"
    for edge in graph.edges:
        arrow = "-.->" if edge.is_dashed else "-->"
        label = f'|"{_text(edge.lines)}"|' if edge.lines else ""
        yield f"    {edge.source} {arrow}{label} {edge.target}"
    for side, colour in _COLOURS.items():
        of_side = ",".join(node.id for node in graph.nodes if node.side == side)
        if of_side:
            yield f"    classDef {side} stroke:{colour},stroke-width:2px"
            yield f"    class {of_side} {side}"


def _node(node: Node) -> str:
    opening, closing = _BRACKETS[node.shape]
    return f'{node.id}{opening}"{_text(node.lines)}"{closing}'


def _text(lines: tuple[str, ...]) -> str:
    return "<br/>".join(printable(line).translate(_ENTITIES) for line in lines)
