"""What questions cost from normalised and denormalised tables, on SQLite and this machine.

Goals: the cost of each of the four questions and of a command in both forms, medians over rounds
that alternate; the share of reads from which on denormalised tables pay; mixed runs that show
whether the lines drawn from the parts hold. Non-goals: other databases, networks, many writers.

`ok`: both forms gave the same answers after the same commands. No threshold of time: how far mixed
runs are from their lines is told, and grows with what else the machine does.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from benchmarks.arguments import positive
from cqrs_sim.plots.query_cost import write_query_cost_figure
from cqrs_sim.query_cost.measurement import measure
from cqrs_sim.query_cost.result import QueryCost, Settings
from cqrs_sim.storage.database import Durability


def run(settings: Settings) -> QueryCost:
    """Measure in a folder that is taken away."""
    with TemporaryDirectory() as folder:
        return measure(settings, Path(folder))


def table(found: QueryCost) -> str:
    """A row an operation: both forms, and when denormalised pays."""
    lines = [f"{'':12} {'normalised':>14} {'denormalised':>14}   denormalised pays"]
    normalised, denormalised = found.normalised, found.denormalised
    rows = [("write", normalised.write, denormalised.write, "")]
    meetings = found.meetings()
    mix = [form.read(found.settings.weights) for form in (normalised, denormalised)]
    names = [name for name in meetings if name != "mix"]
    rows += [
        (name, a, b, meetings[name].of_medians.told())
        for name, a, b in zip(names, normalised.reads, denormalised.reads, strict=True)
    ]
    rows.append(("mix", mix[0], mix[1], meetings["mix"].of_medians.told()))
    for name, a, b, told in rows:
        lines.append(f"{name:12} {a.median_us:11,.1f} µs {b.median_us:11,.1f} µs   {told}")
    sizes = (normalised.size_bytes, denormalised.size_bytes)
    lines.append(f"{'size':12} {sizes[0] / 1e6:11,.2f} MB {sizes[1] / 1e6:11,.2f} MB")
    lines.append(f"largest deviation of a mixed run: {100 * found.largest_deviation():+.1f} %")
    return "\n".join(lines)


def title_of(found: QueryCost) -> str:
    """What stands above the figure."""
    settings = found.settings
    return (
        f"Query cost: SQLite {found.sqlite}, {settings.orders:,} orders, durability "
        f"{settings.durability}, wall clock"
    )


def main() -> None:
    """Parse, measure, print; fail if the forms disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.query_cost", description=__doc__)
    parser.add_argument("--orders", type=positive, default=1_000)
    parser.add_argument("--rounds", type=positive, default=15)
    parser.add_argument("--seed", type=positive, default=1)
    parser.add_argument("--durability", choices=get_args(Durability), default="normal")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.add_argument("--figure", type=Path, help="folder for the figure; it exists")
    args = parser.parse_args()
    settings = Settings(
        orders=args.orders, rounds=args.rounds, seed=args.seed, durability=args.durability
    )
    found = run(settings)
    if args.figure is not None:
        write_query_cost_figure(args.figure, found.lines(), title_of(found))
    print(json.dumps(found.to_json()) if args.json else table(found))
    raise SystemExit(1 if found.answered_differently else 0)


if __name__ == "__main__":
    main()
