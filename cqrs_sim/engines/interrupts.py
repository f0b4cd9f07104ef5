"""Ctrl-C and SIGTERM: the first drains the run, the second ends it at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cqrs_sim.actors.kernel import Kernel


@contextmanager
def interrupts(kernel: Kernel) -> Iterator[None]:
    """Turn signals into `Kernel.interrupt` while a run lasts; outside the main thread do nothing.

    The third signal does what it would have done without us.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.getsignal(number) for number in caught}
    seen = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        kernel.interrupt()
        if seen == 2:
            signal.signal(number, previous[signal.Signals(number)])

    try:
        for number in caught:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
