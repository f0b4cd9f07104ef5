"""The demo: the story, then what each command cost and when each read model showed it."""

from rich.text import Text

from cqrs_sim.demo import Demo
from cqrs_sim.plain_text import milliseconds, printable
from cqrs_sim.terminal.screen import GOOD, Screen, table_of


def show_demo(screen: Screen, demo: Demo) -> None:
    """The story, then what each command cost and when each read model showed it."""
    clock = "virtual clock, simulated" if demo.clock == "virtual" else "wall clock, measured"
    title = f"On the {clock} (ms): response time, and lag by read model"
    table = table_of(title, "command", "event", "response", *demo.read_models)
    table.collapse_padding = True  # Fits 80 columns.
    table.columns[1].justify = "left"
    for number, command in enumerate(demo.story.commands):
        lags = (milliseconds(demo.lag_s[name][number]) for name in demo.read_models)
        response = milliseconds(demo.response_s[number])
        table.add_row(command, demo.story.events[number], response, *lags)
    screen.show(
        Text(f"One order system, {printable(demo.scenario)}: writes here, reads there", "bold"),
        *map(Text, demo.story.lines),
        "",
        table,
        Text("Lag grows where a read model needs longer for an event than the next takes to come."),
        "",
        Text(f"order-002 was visible in orders {milliseconds(demo.second_order_visible_s)} ms "
             "after it was accepted.", GOOD),
        Text("Next: cqrs-sim run"),
    )  # fmt: skip
