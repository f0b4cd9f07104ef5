"""A calibration as a person reads it: the verdict, prediction beside measurement, stage times."""

from rich.text import Text

from cqrs_sim.calibration.calibrate import Calibration
from cqrs_sim.calibration.words import microseconds, per_cent, verdict
from cqrs_sim.plain_text import printable
from cqrs_sim.terminal.screen import BAD, GOOD, WARNING, Screen, table_of
from cqrs_sim.terminal.status_line import StatusLine


class CalibrationLine(StatusLine):
    """Which of the runs is on."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it, unless something was shown a moment ago."""
        if self.is_due():
            self.put(f"run {done} of {total}: {what}")


def show_calibration(screen: Screen, found: Calibration, *, is_quiet: bool = False) -> None:
    """All of it; only the sentence if it is to be quiet."""
    screen.show(Text(printable(verdict(found)), GOOD if found.is_good else BAD))
    for reason in found.invalid:
        screen.show(Text(f"INVALID: {printable(reason)}", WARNING))
    if is_quiet:
        return
    rates = ", ".join(f"{rate:,.0f}" for rate in found.flat_out_per_s)
    screen.show(Text(f"saturation {found.saturation_per_s:,.0f}/s (flat out: {rates})", "dim"))
    _show_predictions(screen, found)
    _show_stages(screen, found)


def _show_predictions(screen: Screen, found: Calibration) -> None:
    columns = ("rate", "quantity", "predicted", "measured", "least", "greatest", "error")
    table = table_of("Medians, predicted and measured (us)", *columns)
    table.columns[1].justify = "left"
    for rate in found.rates:
        for pair in rate.medians():
            table.add_row(
                Text(f"{rate.share:.0%}"),
                Text(printable(pair.name)),
                microseconds(pair.predicted_s),
                microseconds(pair.measured_s),
                microseconds(pair.measured_low_s),
                microseconds(pair.measured_high_s),
                per_cent(pair.error),
            )
    screen.show("", table)


def _show_stages(screen: Screen, found: Calibration) -> None:
    table = table_of("Stage times (us)", "stage", "mean", "least", "greatest", "cv", "n")
    for name, time in found.stages.items():
        low, high = found.range_of(name)
        figures = (microseconds(time.mean_s), microseconds(low), microseconds(high))
        table.add_row(Text(printable(name)), *figures, f"{time.cv:.2f}", f"{time.n:,}")
    screen.show("", table)
