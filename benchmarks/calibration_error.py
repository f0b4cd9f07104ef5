"""How well calibrated scenarios predict: `python -m benchmarks.calibration_error [--json]`.

Calibrates presets on this machine with several seeds, and tells the error of each median at half of
the saturation rate, as it comes: no run is chosen, and what is invalid is said to be. Goals: the
distribution of the error, not the best of it. Non-goals: a limit that fails a build, which a busy
machine would break.
"""

import argparse
import json
from collections.abc import Sequence

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.calibration.calibrate import Calibration, Plan, calibrate
from cqrs_sim.simulation import load_scenario

PRESETS = ("default", "hot_order")
SEEDS = (0, 1, 2)


def measure(preset: str, seed: int, plan: Plan) -> Calibration:
    """One calibration, compared at half of saturation alone."""
    return calibrate(load_scenario(preset), seed=seed, plan=plan)


def row_of(preset: str, found: Calibration) -> dict[str, Json]:
    """What came of it, in one line of JSON."""
    judged = found.judged
    pairs = [] if judged is None else judged.medians()
    return {
        "preset": preset,
        "seed": found.seed,
        "saturation_per_s": round(found.saturation_per_s),
        "errors": {
            pair.name: None if pair.error is None else round(pair.error, 4) for pair in pairs
        },
        "is_good": found.is_good,
        "invalid": len(found.invalid),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Calibrate, and print a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--operations", type=int, default=Plan().operations)
    parser.add_argument("--repetitions", type=int, default=Plan().repetitions)
    asked = parser.parse_args(arguments)
    plan = Plan(operations=asked.operations, repetitions=asked.repetitions, shares=(0.5,))
    for preset in asked.presets:
        for seed in asked.seeds:
            row = row_of(preset, measure(preset, seed, plan))
            print(json.dumps(row) if asked.json else told(row), flush=True)
    return 0


def told(row: dict[str, Json]) -> str:
    """The same as a line to read."""
    errors = row["errors"]
    assert isinstance(errors, dict)
    each = ", ".join(
        f"{name} {error:+.1%}" for name, error in errors.items() if isinstance(error, float)
    )
    invalid = f"; {row['invalid']} measured runs invalid" if row["invalid"] else ""
    return f"{row['preset']}, seed {row['seed']}, {row['saturation_per_s']}/s: {each}{invalid}"


if __name__ == "__main__":
    raise SystemExit(main())
