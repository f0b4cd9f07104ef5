"""A check as a person reads it: whether all is well, what was compared, what theory says."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.checking.closed_forms import ERROR, NOTHING_RUN, ClosedForm, ClosedForms
from cqrs_sim.checking.machine import Machine
from cqrs_sim.checking.scenario_check import Checked
from cqrs_sim.plain_text import count_of, milliseconds, printable
from cqrs_sim.terminal.screen import BAD, GOOD, WARNING, Screen, table_of

COLUMNS = ("metric", "predicted", "mean", "interval", "verdict", "formula")


def show_check(screen: Screen, found: Checked) -> None:
    """The verdict, then what it rests on."""
    text, style = _verdict(found)
    how = f"{printable(found.scenario)}; {found.engine} engine, seed {found.seed}"
    screen.show(Text(text, style), Text(how, "dim"), "")
    _show_checks(screen, found.checks)
    if found.agreement is not None:
        for reason in found.agreement.why_not:
            screen.show(Text(f"virtual and algebra not compared: {printable(reason)}", WARNING))
    if found.closed_forms is not None:
        _show_closed_forms(screen, found.closed_forms)
    if found.machine is not None:
        _show_machine(screen, found.machine)


def _verdict(found: Checked) -> tuple[str, str]:
    failed = [check.name for check in found.checks if not check.ok]
    forms = found.closed_forms.found if found.closed_forms is not None else ()
    failed += [one.prediction.metric for one in forms if one.judgement == "outside"]
    if failed:
        names = ", ".join(map(printable, failed))
        return f"INCORRECT: {count_of(len(failed), 'check')} failed: {names}", BAD
    if found.invalid:
        return f"INVALID: {printable(found.invalid[0])}", BAD
    held = sum(one.judgement == "inside" for one in forms)
    told = f" and {count_of(held, 'closed form')}" if held else ""
    return f"all is well: {count_of(len(found.checks), 'check')}{told} hold", GOOD


def _show_checks(screen: Screen, checks: Sequence[CheckResult]) -> None:
    table = table_of("What must hold exactly", "check", "", "")
    table.columns[1].justify = table.columns[2].justify = "left"
    for check in checks:
        verdict = Text("ok", GOOD) if check.ok else Text("FAILED", BAD)
        table.add_row(Text(printable(check.name)), verdict, Text(printable(check.detail)))
    screen.show(table)


def _show_closed_forms(screen: Screen, forms: ClosedForms) -> None:
    screen.show("")
    if forms.found:
        title = (
            f"Theory and simulation (ms): {forms.replications} replications of "
            f"{forms.duration_s:,.3g} s, the first {forms.warm_up_s:,.3g} s left out"
        )
        table = table_of(title, *COLUMNS)
        table.columns[4].justify = table.columns[5].justify = "left"
        for one in forms.found:
            table.add_row(*_row(one))
        told = f"a correct simulator is outside any of them with probability {ERROR:g}"
        screen.show(table, Text(told, "dim"))
    for metrics, reasons in _by_metrics(forms.why_not).items():
        what = f"no closed form of {', '.join(metrics)}"
        if metrics == (NOTHING_RUN,):
            what = "closed forms not held against a run"
        screen.show(Text(f"{what}: {printable('; '.join(reasons))}", WARNING))


def _row(one: ClosedForm) -> tuple[Text, ...]:
    low, high = one.interval.low, one.interval.high
    style = {"inside": GOOD, "outside": BAD, "too wide": WARNING}[one.judgement]
    return (
        Text(printable(one.prediction.metric)),
        Text(_ms(one.prediction.value_s)),
        Text(_ms(one.interval.mean)),
        Text("-" if low is None else f"{_ms(low)} to {_ms(high)}"),
        Text(one.judgement, style),
        Text(one.prediction.formula),
    )


def _ms(duration_s: float | None) -> str:
    """With a digit more than elsewhere, since what is compared differs in the last ones."""
    return "-" if duration_s is None else f"{duration_s * 1e3:,.4g}"


def _by_metrics(why_not: Mapping[str, Sequence[str]]) -> dict[tuple[str, ...], list[str]]:
    """The reasons by all the metrics that they are of, in the order of their first mention.

    Every reason once, and every list of metrics once.
    """
    metrics: dict[str, list[str]] = {}
    for metric, reasons in why_not.items():
        for reason in reasons:
            metrics.setdefault(reason, []).append(printable(metric))
    found: dict[tuple[str, ...], list[str]] = {}
    for reason, names in metrics.items():
        found.setdefault(tuple(names), []).append(reason)
    return found


def _show_machine(screen: Screen, machine: Machine) -> None:
    share = machine.health.achieved_share
    sent = "nothing was offered" if share is None else f"{100 * share:.2f} % sent in time"
    slips = f"{milliseconds(machine.slip_p50_s)} ms, p99 {milliseconds(machine.slip_p99_s)} ms"
    screen.show(
        "",
        Text(f"Load generator, {machine.duration_s:,.3g} s in real time", "bold"),
        Text(f"{sent}; schedule slip p50 {slips}"),
        *(Text(f"measurement INVALID: {printable(reason)}", BAD) for reason in machine.invalid),
    )
