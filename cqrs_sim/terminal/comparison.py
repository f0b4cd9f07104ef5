"""A comparison as a person reads it: in the terminal, and as Markdown for a pull request.

The order is fixed: the verdict, the gates, every metric with its change and interval, what else
differs, what to beware of. Names come from files of anybody, and steer nothing in either form.
"""

from collections.abc import Callable, Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from cqrs_sim.analysis.comparison import Effect, Range
from cqrs_sim.analysis.gates import GateVerdict
from cqrs_sim.analysis.metrics import short_name
from cqrs_sim.comparison import Comparison
from cqrs_sim.plain_text import count_of, milliseconds, printable
from cqrs_sim.results import Result
from cqrs_sim.terminal.screen import BAD, GOOD, WARNING, Screen, table_of

_ESCAPED = {
    **{ord(character): f"&#{ord(character)};" for character in "\\`*_[]|#~@!"},
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
}
COLUMNS = ("metric", "A", "B", "change", "95 % interval", "p (Holm)", "verdict")


def show_comparison(screen: Screen, comparison: Comparison, *, is_quiet: bool = False) -> None:
    """The comparison in a terminal; only the verdict and the gates if it is to be quiet."""
    is_bad = not comparison.passes or comparison.incorrect or comparison.invalid
    screen.show(Text(printable(sentence(comparison)), BAD if is_bad else "bold"))
    screen.show(*_gates(comparison))
    if is_quiet:
        return
    table = table_of("", *COLUMNS)
    table.title = None
    for row in _rows(comparison):
        table.add_row(*map(Text, row))
    screen.show(
        *(Text(line) for line in _sides(comparison)),
        "",
        table,
        "",
        *(Text(f"differs: {printable(line)}") for line in comparison.differences),
        *(Text(f"beware: {printable(line)}", WARNING) for line in comparison.notes),
    )


def to_markdown(comparison: Comparison) -> str:
    """The comparison as a Markdown table with what belongs to it."""
    lines = [f"**{_inert(sentence(comparison))}**", ""]
    if comparison.gates:
        lines += [*_markdown_table(("gate", "change", "verdict"), map(_gate_row, comparison.gates))]
        lines.append("")
    lines += [*_markdown_table(COLUMNS, _rows(comparison)), ""]
    lines += [f"- {_inert(line)}" for line in _sides(comparison)]
    lines += [f"- differs: {_inert(line)}" for line in comparison.differences]
    lines += [f"- beware: {_inert(line)}" for line in comparison.notes]
    return "\n".join(lines) + "\n"


def sentence(comparison: Comparison) -> str:
    """What came of it, in one sentence: what makes a side say nothing before what changed."""
    beware = [
        *(f"INCORRECT: {side}" for side in comparison.incorrect),
        *(f"INVALID: {side}" for side in comparison.invalid),
        *(comparison.saturated if comparison.is_withheld else ()),
    ]
    return "; ".join([*beware, _what_changed(comparison)])


def _what_changed(comparison: Comparison) -> str:
    failed = [gate for gate in comparison.gates if not gate.ok]
    gates = f"{count_of(len(failed), 'gate')} failed; " if failed else ""
    tested = [effect for effect in comparison.effects if effect.adjusted_p is not None]
    found = comparison.significant
    if not tested:
        return f"{gates}nothing could be tested: no spread is known of any metric"
    family = f"{count_of(len(tested), 'metric')} tested together (Holm, 5 %)"
    if comparison.pairs is not None:
        family += ", paired on {} of {} seeds".format(*comparison.pairs)
    if not found:
        return f"{gates}no significant change: {family}"
    largest = max(found, key=lambda effect: abs(effect.relative_change or 0.0))
    others = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{gates}significant change: {_name(largest)} {_change(largest)}{others}; of {family}"


def _sides(comparison: Comparison) -> Iterable[str]:
    for side, result in (("A", comparison.a), ("B", comparison.b)):
        yield f"{side}: {_side(result)}"


def _side(result: Result) -> str:
    count = 1 if result.replications is None else len(result.replications.seeds)
    return (
        f"{printable(result.scenario.name)}, {result.engine} engine, "
        f"{count_of(count, 'replication')}, first seed {result.seed}"
    )


def _gates(comparison: Comparison) -> Iterable[RenderableType]:
    for gate in comparison.gates:
        expression, change, verdict = _gate_row(gate)
        yield Text(f"gate {expression}: {verdict}; change {change}", GOOD if gate.ok else BAD)


def _gate_row(gate: GateVerdict) -> tuple[str, str, str]:
    verdict = "ok" if gate.ok else "FAILED"
    reason = f" ({printable(gate.reason)})" if gate.reason else ""
    return printable(gate.expression), _gate_change(gate), f"{verdict}{reason}"


def _gate_change(gate: GateVerdict) -> str:
    if gate.change is None:
        return "-"
    show = _percent if gate.expression.endswith("%") else _plain
    if gate.low is None or gate.high is None:
        return show(gate.change)
    return f"{show(gate.change)} ({show(gate.low)} to {show(gate.high)})"


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    return [
        (
            _name(effect),
            _value(effect, effect.a),
            _value(effect, effect.b),
            _change(effect),
            _interval(effect),
            "-" if effect.adjusted_p is None else _probability(effect.adjusted_p),
            _verdict(effect),
        )
        for effect in comparison.effects
    ]


def _name(effect: Effect) -> str:
    return printable(short_name(effect.name.split(".")))


def _value(effect: Effect, value: float | None) -> str:
    if value is None:
        return "withheld"
    match effect.unit:
        case "s":
            return f"{milliseconds(value)} ms"
        case "per_s":
            return f"{value:,.4g}/s"
        case _:
            return f"{value:,.4g}"


def _change(effect: Effect) -> str:
    if effect.relative_change is not None:
        return _percent(effect.relative_change)
    return "-" if effect.change is None else _signed(effect, effect.change)


def _signed(effect: Effect, change: float) -> str:
    return f"{'-' if change < 0.0 else '+'}{_value(effect, abs(change))}"


def _interval(effect: Effect) -> str:
    if effect.relative is not None:
        return _between(effect.relative, _percent)
    if effect.difference is not None:
        return _between(effect.difference, lambda change: _signed(effect, change))
    return "-"


def _between(interval: Range, show: Callable[[float], str]) -> str:
    return f"{show(interval.low)} to {show(interval.high)}"


def _verdict(effect: Effect) -> str:
    if effect.why:
        return printable(effect.why)
    if effect.adjusted_p is None:
        return "not tested: no spread is known"
    if effect.difference is not None and effect.difference.low == effect.difference.high == 0.0:
        return "the same"
    weaker = ", weaker evidence" if effect.method == "single run" else ""
    return f"{'CHANGED' if effect.is_significant else 'no significant change'}{weaker}"


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _percent(share: float) -> str:
    text = f"{share * 100:+.1f} %"
    # A change that rounds to nothing has no direction.
    return "0.0 %" if text in ("+0.0 %", "-0.0 %") else text


def _plain(value: float) -> str:
    return f"{value:+.4g}"


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' if n == 0 else '--:' for n in range(len(columns)))} |"
    for row in rows:
        yield f"| {' | '.join(map(_inert, row))} |"


def _inert(text: str) -> str:
    """Text that is no Markdown and no HTML, whatever is in it."""
    # In one pass: a reference holds characters that must be escaped elsewhere.
    return printable(text).translate(_ESCAPED)
