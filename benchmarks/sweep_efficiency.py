"""What a second process brings a sweep: the same sweep in one process and in two, alternating.

200 points (40 rates x 5 service times) of 10 replications each, on the algebra engine, the ordinary
way: folders, table and figures are part of the time. The folders of all rounds must be equal, byte
by byte. What is judged is the median of the ratios of neighbours; it needs two free processors.
"""

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TypedDict

import cqrs_sim
from benchmarks.arguments import positive

VARY = (
    "load.rate=200/s..1200/s:lin:40",
    "read_models.search.service.mean=500us,600us,700us,800us,900us",
)
WANTED = 1.7


class Report(TypedDict):
    """The line that is printed."""

    points: int
    runs: int
    one_s: float
    two_s: float
    speed_up: float
    speed_up_lowest: float
    speed_up_highest: float
    processors: int
    wanted: float
    ok: bool


def timed(jobs: int, duration: str, replications: int) -> tuple[float, str]:
    """Seconds, and a digest of everything that was written."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "sweep"
        started = time.perf_counter()
        table = cqrs_sim.sweep(
            "default",
            VARY,
            settings=[f"run.duration={duration}", "run.warm_up=1s"],
            replications=replications,
            jobs=jobs,
            folder=folder,
        )
        seconds = time.perf_counter() - started
        assert table.is_complete
        digest = hashlib.sha256()
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return seconds, digest.hexdigest()


def run(rounds: int, duration: str, replications: int) -> Report:
    """Alternate, and compare neighbours."""
    ones: list[float] = []
    twos: list[float] = []
    digests: set[str] = set()
    for _ in range(rounds):
        for jobs, seconds in ((1, ones), (2, twos)):
            took, digest = timed(jobs, duration, replications)
            seconds.append(took)
            digests.add(digest)
    ratios = [one / two for one, two in zip(ones, twos, strict=True)]
    return {
        "points": 200,
        "runs": 200 * replications,
        "one_s": round(statistics.median(ones), 2),
        "two_s": round(statistics.median(twos), 2),
        "speed_up": round(statistics.median(ratios), 3),
        "speed_up_lowest": round(min(ratios), 3),
        "speed_up_highest": round(max(ratios), 3),
        "processors": len(os.sched_getaffinity(0)),
        "wanted": WANTED,
        "ok": len(digests) == 1 and statistics.median(ratios) >= WANTED,
    }


def main() -> None:
    """Parse, run, print one line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sweep_efficiency", description=__doc__
    )
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--replications", type=positive, default=10)
    parser.add_argument("--duration", default="10s", help="of each run")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.rounds, args.duration, args.replications)
    print(json.dumps(report) if args.json else "\n".join(f"{k:18} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
