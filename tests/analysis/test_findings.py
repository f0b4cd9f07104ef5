"""Findings: what holds in some of the replications, whichever seed came first."""

import json
from collections.abc import Mapping

import pytest

from cqrs_sim.analysis.episodes import Episode
from cqrs_sim.analysis.findings import SaturatedStage, findings_from, findings_of
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.unserved import Unserved

GOOD: Mapping[str, Json] = {
    "checks": {"positions": {"ok": True}, "order": {"ok": True}},
    "invalid": [],
    "saturated": [],
    "episodes": [],
    "lag_s": {"search": {"n": 1000, "censored": 0}},
}
SATURATED: Json = {
    "stage": "search",
    "offered_load": 1.5,
    "saturates_at_per_s": 600.0,
    "slope_per_s": 9.5,
}
EPISODE: dict[str, Json] = {
    "stage": "orders",
    "from_s": 10.0,
    "until_s": None,
    "worst_s": 4.4,
    "worst_at_s": 19.0,
    "still_from_s": 12.0,
    "still_s": 0.1,
}
REFUSED = Unserved(what="commands", how="were refused", seeds=(6,), count=28, n=100)
BAD: Mapping[str, Json] = {
    **GOOD,
    "checks": {"positions": {"ok": False}, "order": {"ok": True}},
    "invalid": ["too late", "too few"],
    "saturated": [SATURATED],
    "episodes": [EPISODE],
    "lag_s": {"search": {"n": 1000, "censored": 400}},
}


def test_of_runs_without_faults_nothing_is_found() -> None:
    found = findings_of((1, 2), (GOOD, GOOD))
    assert (found.incorrect, found.invalid, found.behind) == ((), (), ())
    assert not found.saturated
    assert found.saturated_seeds == ()


def test_what_is_found_names_its_seeds_and_how_it_was_in_the_first_of_them() -> None:
    other: Mapping[str, Json] = {
        **BAD,
        "saturated": [{**_table(SATURATED), "offered_load": 9.0}, {"stage": "orders"}],
        "checks": {"order": {"ok": False}},
        "invalid": ["another"],
    }
    found = findings_of((5, 6, 7), (GOOD, BAD, other))
    assert found.incorrect == found.invalid == found.behind == (6, 7)
    assert found.failed_checks == ("positions",)
    assert found.why_invalid == "too late"
    assert found.saturated == {
        "search": SaturatedStage(
            seeds=(6, 7),
            offered_load=1.5,
            saturates_at_per_s=600.0,
            slope_per_s=9.5,
            events=1000,
            censored=400,
        ),
        "orders": SaturatedStage(seeds=(7,)),
    }
    assert found.saturated_seeds == (6, 7)
    assert found.episodes == (
        Episode(
            stage="orders",
            from_s=10.0,
            until_s=None,
            worst_s=4.4,
            worst_at_s=19.0,
            still_from_s=12.0,
            still_s=0.1,
        ),
    )


def test_what_is_written_can_be_read() -> None:
    found = findings_of((5, 6), (GOOD, BAD))
    assert findings_from(json.loads(json.dumps(found.to_json())), (5, 6)) == found


def test_what_was_not_served_can_be_read_too() -> None:
    refusing: Mapping[str, Json] = {**GOOD, "commands": {"offered": 100, "refused": 28}}
    found = findings_of((5, 6), (GOOD, refusing))
    assert found.unserved == (REFUSED,)
    assert findings_from(json.loads(json.dumps(found.to_json())), (5, 6)) == found


def test_what_an_older_version_wrote_can_be_read() -> None:
    found = findings_from({"incorrect": [], "invalid": [2]}, (1, 2))
    assert found.invalid == (2,)
    assert not found.saturated


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("incorrect", None, "incorrect must be"),
        ("incorrect", [9], "incorrect must be a list of its seeds"),
        ("incorrect", [True], "incorrect must be"),
        ("invalid", "x", "must be a list"),
        ("saturated", [], "must be a table"),
        ("saturated", {"search": {"seeds": [77]}}, "seeds must be"),
        ("saturated", {"search": {"seeds": [1], "offered_load": "x"}}, "offered_load must be"),
        ("saturated", {"search": {"seeds": [1], "offered_load": 1e300}}, "below 1e18"),
        ("saturated", {"search": {"seeds": [1], "censored": -1}}, "censored must be a count"),
        ("saturated", {"x" * 2000: {"seeds": [1]}}, "at most 1000 characters"),
        ("saturated", {str(n): {"seeds": []} for n in range(1001)}, "at most 1000 stages"),
        ("failed_checks", [3], "failed_checks must be a text"),
        ("why_invalid", 3, "why_invalid must be a text"),
        ("behind", [1, "x"], "behind must be"),
        ("episodes", [{"stage": "orders"}], "an episode must have"),
        ("episodes", [{**EPISODE, "stage": 3}], "stage must be a text"),
        ("episodes", [{**EPISODE, "until_s": float("nan")}], "until_s must be"),
        ("episodes", [7], "must be a table"),
        ("saturated", {"search": {}}, "must name its seeds"),
        ("unserved", {}, "must be a list"),
        ("unserved", [{"what": "x", "how": "y", "count": 1, "n": 1}], "must name its seeds"),
        ("unserved", [{"what": "x", "how": "y", "seeds": [9]}], "seeds must be"),
        ("unserved", [{"what": 3}], "what must be a text"),
        ("unserved", [{"what": "x", "how": "y", "seeds": [1], "count": 2, "n": 1}], "from 1 to n"),
        ("unserved", [{}] * 1001, "at most 1000"),
        ("saturated", {"search": {"seeds": [1], "offered_load": -1.0}}, "must not be below 0"),
        ("saturated", {"search": {"seeds": [1], "censored": 1}}, "at most events"),
        ("incorrect", [1, 1], "must name each seed once"),
        ("incorrect", [1] * 50, "must name each seed once"),
        ("behind", [], "behind and episodes"),
        ("episodes", [], "behind and episodes"),
        ("episodes", [{**EPISODE, "worst_s": -1.0}], "must not be below 0"),
        ("episodes", [{**EPISODE, "worst_at_s": 1e17}], "must lie within"),
        ("episodes", [{**EPISODE, "until_s": 9.0}], "must not end before"),
    ],
)
def test_what_is_no_findings_is_refused(key: str, value: Json, mistake: str) -> None:
    written = findings_of((1, 2), (GOOD, BAD)).to_json()
    with pytest.raises(ValueError, match=mistake):
        findings_from({**written, key: value}, (1, 2))


def test_many_seeds_are_read_in_one_pass() -> None:
    class Seeds(tuple[int, ...]):
        """Seeds that count how often somebody searches through them."""

        searches = 0

        def __contains__(self, seed: object) -> bool:
            Seeds.searches += 1
            return super().__contains__(seed)

    findings_from({"incorrect": list(range(1000)), "invalid": []}, Seeds(range(1000)))
    assert Seeds.searches == 0


def _table(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, Mapping)
    return value
