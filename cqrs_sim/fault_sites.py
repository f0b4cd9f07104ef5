"""Named places in the program at which a test may have the process die, as if by `kill -9`.

A site does nothing unless its name was armed, so it may stand in the product. The n-th site loop
(as in SQLite's own tests) first counts how often a run passes each site, then runs it again for
each site and each n with the process killed there: exhaustive, and on the same instruction every
time. SOURCE: https://www.sqlite.org/testing.html, section "I/O Error Testing".
"""

import os
import signal
from collections import Counter

import attrs


@attrs.define
class _Plan:
    """What is to happen at which site."""

    counts: Counter[str] | None = None
    """How often each site was passed; None: nobody counts."""
    dies_at: str | None = None
    hits_left: int = 0


_PLAN = _Plan()


def site(name: str) -> None:
    """Pass the site of this name."""
    if _PLAN.counts is not None:
        _PLAN.counts[name] += 1
    if _PLAN.dies_at == name:
        _PLAN.hits_left -= 1
        if not _PLAN.hits_left:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str, hit: int) -> None:
    """Die at the site of this name when it is passed for the `hit`-th time, from 1."""
    _PLAN.dies_at, _PLAN.hits_left = name, hit


def count_hits() -> Counter[str]:
    """Begin to count how often each site is passed; the counter goes on counting."""
    _PLAN.counts = Counter()
    return _PLAN.counts
