"""The highest rate as a person reads it: the answer in one sentence, then the evidence."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from cqrs_sim.analysis.intervals import Interval
from cqrs_sim.analysis.metrics import Unit
from cqrs_sim.highest_rate.answer import Capacity, Confirmation, Faster
from cqrs_sim.highest_rate.probes import Probe
from cqrs_sim.highest_rate.steps import Steps, is_held
from cqrs_sim.highest_rate.turned_away import TurnedAway, remarkable
from cqrs_sim.plain_text import count_of, milliseconds, printable
from cqrs_sim.terminal.screen import BAD, GOOD, WARNING, Screen, table_of
from cqrs_sim.terminal.status_line import StatusLine


class SearchLine(StatusLine):
    """What is known so far of a highest rate."""

    def __call__(self, text: str) -> None:
        """Show it, unless something was shown a moment ago."""
        if self.is_due():
            self.put(printable(text))

    def step(self, probe: Probe) -> None:
        """A run in real time has ended."""
        self(_step_told(probe))


def show_capacity(screen: Screen, found: Capacity, *, is_quiet: bool = False) -> None:
    """The answer; only the sentence if it is to be quiet."""
    screen.show(Text(sentence(found), _style(found)), *_turned_away(found.turned_away))
    if is_quiet:
        return
    screen.show(*_frame(found), *_notes(found))
    if found.kind == "none":
        return
    table = table_of("Stages at that rate", "stage", "utilisation", "saturates at")
    rate = found.rate_per_s
    for stage, load in found.loads.items():
        limit = "-" if not load or rate is None else f"{rate / load:,.0f}/s"
        table.add_row(Text(printable(stage)), f"{load:.2f}", limit)
    screen.show("", table)
    if found.confirmation is not None:
        screen.show("", *_confirmation(found, found.confirmation))


def sentence(found: Capacity) -> str:
    """The answer in one sentence."""
    limit = printable(found.binding)
    if found.kind == "none":
        return f"NO RATE HOLDS {limit}: {_broken(found)}"
    parts = [f"holds {limit} up to {_rate_text(found.interval)}"]
    if found.kind == "saturation":
        parts = [f"holds {limit} up to saturation, at {_rate_text(found.interval)}"]
    limiting = found.limiting
    if limiting is not None:
        parts.append(
            f"{printable(limiting.stage)} limits: utilisation {limiting.utilisation:.2f}, "
            f"saturates at {limiting.saturates_at_per_s:,.0f}/s"
        )
    elif found.loads[found.busiest]:
        parts.append(
            f"busiest: {printable(found.busiest)}, utilisation {found.loads[found.busiest]:.2f}, "
            f"saturates at {found.saturates_at_per_s:,.0f}/s"
        )
    if found.faster is not None:
        parts.append(_faster(found.faster))
    text = "; ".join(parts)
    return text if found.is_complete else f"INCOMPLETE: interrupted; until then {text}"


def _broken(found: Capacity) -> str:
    """The seed with which no rate holds, and what the metric is at the lowest that was probed."""
    broken = found.broken
    assert broken is not None
    value = value_text(broken.values[found.index], found.limits[found.index].unit)
    number, count = broken.seed - found.seed + 1, len(found.rates_per_s)
    told = f"with seed {broken.seed}, number {number} of {count}, even at "
    if count == 1:
        told = f"with seed {broken.seed} even at "
    told += f"{broken.rate_per_s:,.4g}/s it is {value}"
    others = count - 1
    return f"{told}; {others} {'other holds' if others == 1 else 'others hold'}" if others else told


def _faster(faster: Faster) -> str:
    more = faster.more_per_s
    share = f"{100 * (1 - faster.factor):.0f} % faster {printable(faster.stage)}"
    half = more.half_width
    if more.mean is None:
        return f"{share}: not known"
    return f"{share}: {more.mean:+,.3g}/s" + ("" if half is None else f" ± {half:,.2g}")


def _rate_text(interval: Interval) -> str:
    """The rate and its half width, with digits that the interval bears out."""
    assert interval.mean is not None
    half = interval.half_width
    runs = count_of(interval.n, "replication")
    if half is None:
        return f"{interval.mean:,.4g}/s ({runs})"
    digits = 0 if half >= 2.0 else 1 if half >= 0.2 else 2
    return f"{interval.mean:,.{digits}f}/s ± {half:,.{digits}f} (95 %, {runs})"


def _style(found: Capacity) -> str:
    if found.kind == "none":
        return BAD
    is_refuted = found.confirmation is not None and not found.confirmation.is_confirmed
    is_doubtful = not found.is_complete or not found.is_precise or is_refuted
    return WARNING if is_doubtful or found.turned_away else GOOD


def _turned_away(shares: Sequence[TurnedAway]) -> Iterator[Text]:
    """What is in no response time of the answer, since it was not served."""
    for one in shares:
        yield Text(f"there {100 * one.share:.3g} % of the {one.what} {one.how}", WARNING)


def _frame(found: Capacity) -> Iterator[Text]:
    run, count = found.scenario.run, sum(purpose == "search" for purpose, _ in found.probes)
    seconds = f"{run.duration / 1e9:.4g} s of load each"
    left_out = f", the first {run.warm_up / 1e9:.4g} s left out" if run.warm_up else ""
    yield Text(
        f"{printable(found.scenario.name)}; {found.engine} engine, virtual clock; seeds from "
        f"{found.seed}; {count_of(count, 'probe')}, {seconds}{left_out}",
        "dim",
    )


def _notes(found: Capacity) -> Iterator[Text]:
    others = [limit.expression for limit in found.limits if limit.expression != found.binding]
    if others:
        yield Text(
            f"met first of {len(found.limits)} limits; held too: {printable(', '.join(others))}"
        )
    limiting = found.limiting
    if limiting is not None and limiting.stage != found.busiest:
        yield Text(
            f"busier is {printable(found.busiest)}, which saturates at "
            f"{found.saturates_at_per_s:,.0f}/s, but {printable(found.binding)} is not its time"
        )
    processors = found.scenario.run.processors
    if processors:
        yield Text(
            f"the stages share {count_of(processors, 'processor')}: utilisation counts waiting for "
            "one, so no stage by itself tells where saturation is"
        )
    if found.kind == "saturation":
        yield Text(
            "the limit is never met below saturation: that rate is no one's to keep for long"
        )
    if found.kind != "none" and found.is_complete and not found.is_precise:
        yield Text(
            f"its interval is wider than ± {100 * found.precision:.3g} %: more replications "
            "(--max-replications) or a longer run.duration make it narrower",
            WARNING,
        )


def _confirmation(found: Capacity, confirmation: Confirmation) -> Iterator[Text]:
    limit = found.limits[found.index]
    ends = zip(confirmation.rates_per_s, confirmation.intervals, strict=True)
    told = [f"{_interval_text(interval, limit.unit)} at {rate:,.4g}/s" for rate, interval in ends]
    word = "confirmed" if confirmation.is_confirmed else "NOT CONFIRMED"
    runs = count_of(len(confirmation.seeds), "fresh seed")
    yield Text(
        f"{word} by the virtual engine, {runs} at each end: {limit.name} is "
        f"{' and '.join(told)}; the limit is {value_text(limit.value, limit.unit)}",
        GOOD if confirmation.is_confirmed else BAD,
    )
    if confirmation.differ:
        seeds = ", ".join(map(str, confirmation.differ))
        yield Text(f"the engines differ, which is a bug: with the seeds {seeds}", BAD)


def _interval_text(interval: Interval | None, unit: Unit) -> str:
    if interval is None or interval.mean is None:
        return "saturated"
    half = interval.half_width
    return value_text(interval.mean, unit) + (
        "" if half is None else f" ± {value_text(half, unit)}"
    )


def value_text(value: float, unit: Unit) -> str:
    """A value with its unit."""
    if value == float("inf"):
        return "beyond all bounds (saturated)"
    if unit == "s":
        return f"{milliseconds(value)} ms"
    return f"{value:,.4g}/s" if unit == "per_s" else f"{value:.4g}"


def show_steps(screen: Screen, found: Steps, *, is_quiet: bool = False) -> None:
    """The bracket in one sentence, then the steps."""
    style = {"bracket": GOOD, "generator": WARNING, "none": BAD, "interrupted": WARNING}
    at_answer = [step.turned_away for step in found.probes if step.rate_per_s == found.held_per_s]
    screen.show(Text(steps_sentence(found), style[found.end]), *_turned_away(remarkable(at_answer)))
    if is_quiet:
        return
    limit = found.limits[0]
    table = table_of("Steps, in real time", "rate", *(one.name for one in found.limits), "verdict")
    table.columns[-1].justify = "left"
    for step in found.probes:
        values = [
            value_text(value, one.unit) if value == value else "-"
            for value, one in zip(step.values, found.limits, strict=True)
        ]
        table.add_row(f"{step.rate_per_s:,.4g}/s", *map(Text, values), Text(_judged(step)))
    machine = Text(
        f"{printable(found.scenario.name)}; wall engine, wall clock; seed {found.seed}; one run a "
        f"step: a bracket, not an interval; the limit: {printable(limit.expression)}",
        "dim",
    )
    screen.show(machine, "", table)


def steps_sentence(found: Steps) -> str:
    """The answer in one sentence."""
    limits = printable(" and ".join(limit.expression for limit in found.limits))
    held, broken = found.held_per_s, found.broken_per_s
    if found.end == "none":
        lowest = min(step.rate_per_s for step in found.probes)
        return f"NO RATE HOLDS {limits}: not even {lowest:,.4g}/s, the lowest that was run"
    if found.end == "bracket" and held is not None:
        no_longer = f", and no longer at {broken:,.4g}/s" if broken else ""
        return f"holds {limits} at {held:,.4g}/s{no_longer}"
    known = f"at least {held:,.4g}/s" if held is not None else "no rate known to hold"
    if broken:
        known += f", less than {broken:,.4g}/s"
    if found.end == "generator":
        return f"{limits}: {known}; beyond, the load generator cannot keep its plan"
    return f"INCOMPLETE: interrupted; until then {limits}: {known}"


def _judged(step: Probe) -> str:
    if step.invalid:
        return f"INVALID: {printable(step.invalid)}"
    if step.saturated:
        return f"saturated: {printable(', '.join(step.saturated))}"
    return "held" if is_held(step) else "broken"


def _step_told(probe: Probe) -> str:
    return f"{probe.rate_per_s:,.4g}/s: {_judged(probe)}"
