"""What a calibration says in words: the verdict, and figures as text."""

from collections.abc import Iterator

from cqrs_sim.calibration.calibrate import Calibration
from cqrs_sim.calibration.prediction import JUDGED_AT, TOLERANCE

NOTHING = "-"


def microseconds(duration_s: float | None) -> str:
    """Microseconds to three digits; `-` where unknown."""
    if duration_s is None:
        return NOTHING
    value = duration_s * 1e6
    return (
        f"{value:,.2f}" if value < 9.995 else f"{value:,.1f}" if value < 99.95 else f"{value:,.0f}"
    )


def per_cent(error: float | None) -> str:
    """A relative error with its sign; `-` where unknown."""
    return NOTHING if error is None else f"{error:+.0%}"


def verdict(found: Calibration) -> str:
    """Whether the calibrated scenario predicts, in one sentence."""
    judged = found.judged
    if judged is None:
        return f"No verdict: nothing was compared at {JUDGED_AT:.0%} of saturation."
    pairs = judged.judged()
    errors = [pair.error for pair in pairs if pair.error is not None]
    where = f"at {judged.rate_per_s:,.0f} operations a second, {JUDGED_AT:.0%} of saturation"
    if not errors or len(errors) < len(pairs):
        lacking = ", ".join(pair.name for pair in pairs if pair.error is None)
        return f"No verdict {where}: {lacking or 'everything'} is unknown."
    worst = max(errors, key=abs)
    if found.is_good:
        return (
            f"The calibrated scenario predicts median response and lag within "
            f"{TOLERANCE:.0%} {where}: the worst is off by {worst:+.0%}."
        )
    missed = ", ".join(f"{p.name} ({per_cent(p.error)})" for p in pairs if not p.is_within)
    return f"The calibrated scenario misses by more than {TOLERANCE:.0%} {where}: {missed}."


def remarks(found: Calibration) -> Iterator[str]:
    """What stands above the calibrated scenario: when, where, how, and what each stage took."""
    machine = found.provenance.get("machine", {})
    named = machine if isinstance(machine, dict) else {}
    yield f"{found.source.name}, calibrated at {found.provenance.get('measured', 'unknown')}"
    yield "on " + ", ".join(f"{key}: {value}" for key, value in named.items())
    yield (
        f"saturation: {found.saturation_per_s:,.0f} operations a second (median of "
        f"{', '.join(f'{rate:,.0f}' for rate in found.flat_out_per_s)}; 64 clients, flat out)"
    )
    yield (
        f"stage times: {found.plan.repetitions} open loads at {JUDGED_AT:.0%} of that, "
        f"{found.plan.operations:,} operations each; mean (least to greatest of the runs), cv:"
    )
    for name, time in found.stages.items():
        low, high = found.range_of(name)
        yield (
            f"  {name}: {microseconds(time.mean_s)} µs ({microseconds(low)} to "
            f"{microseconds(high)}), cv {time.cv:.2f}, n = {time.n:,}"
        )
    yield verdict(found)
    yield "Run it: cqrs-sim run calibrated.toml"
    yield ""
