"""A summary with everything in it that a metric can be: known, withheld, too few, no number."""

from collections.abc import Mapping

from cqrs_sim.analysis.json_values import Json

SUMMARY: Mapping[str, Json] = {
    "schema": 1,
    "seed": 7,
    "complete": True,
    "commands": {"offered": 1000, "dropped": 0},
    "rates_per_s": {"offered": 100.0, "accepted": None},
    "response_s": {"p50": 0.001, "p99": None, "n": 900, "censored": 0, "too_few": ["p99"]},
    "lag_s": {
        "orders": {"p50": 0.002, "p99": 0.0125, "n": 900, "censored": 0, "too_few": []},
        "search": {"p50": None, "p99": None, "n": 900, "censored": 40, "too_few": []},
        "statistics": {"p50": 0.002, "p99": None, "n": 900, "censored": 40, "too_few": []},
    },
    "queries": {"offered": 0, "stale_share": 0.25},
    "queries_s": {"p50": None, "n": 0, "censored": 0},
    "offered_load": {"write side": 0.5},
    "saturated": [{"stage": "search", "reasons": ["it is offered 1.2 times what it can do"]}],
    "reads": {"A": {"eventual": {"age_s": {"p50": 0.5}}}},
    "own_writes": {"queries": 10, "witness": {"order": "o", "wrote": 3}},
    "provenance": {"machine": {"cpus_count": 2}},
}
