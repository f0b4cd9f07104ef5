"""Whether answers hold where they are known, small; `benchmarks/capacity_coverage.py` in full."""

import json

import attrs
import pytest

from benchmarks import capacity_coverage
from benchmarks.capacity_coverage import Found, main, one, summed_up, truth_per_s


def test_answers_are_near_the_truth_and_their_intervals_hold_it() -> None:
    """Of four intervals of 95 % fewer than two hold it once in 2,000 times; seeds are fixed."""
    found = [one(0.5, number, 30.0, precision=0.04) for number in range(4)]
    assert sum(each.covers for each in found) >= 2
    assert max(abs(each.error) for each in found) < 0.08


def planted(rate: float, half: float) -> Found:
    return Found(
        load=0.5,
        first_seed=0,
        truth_per_s=truth_per_s(0.5),
        rate_per_s=rate,
        low=rate - half,
        high=rate + half,
        replications=10,
        probes=30,
    )


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        ([planted(501.0, 5.0)] * 10, True),
        ([planted(501.0, 5.0)] * 9 + [planted(508.0, 5.0)], True),
        ([planted(501.0, 5.0)] * 8 + [planted(508.0, 5.0)] * 2, False),
        ([planted(501.0, 5.0)] * 9 + [planted(511.0, 15.0)], False),
    ],
    ids=["right", "one misses", "too many miss", "one is far off"],
)
def test_the_verdict_finds_a_planted_bias(found: list[Found], ok: bool) -> None:
    assert summed_up(found, 1.0).ok is ok


def test_the_command_prints_a_line_of_json_and_fails_when_answers_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(capacity_coverage, "one", lambda *_: planted(501.0, 5.0))
    assert main(["--load", "0.5", "--seeds", "3", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["held"], row["searches"], row["ok"]) == (3, 3, True)
    far_off = attrs.evolve(planted(501.0, 5.0), rate_per_s=600.0)
    monkeypatch.setattr(capacity_coverage, "one", lambda *_: far_off)
    assert main(["--load", "0.5", "--seeds", "3"]) == 1
    assert "NO" in capsys.readouterr().out
