"""Ctrl-C and SIGTERM: the first drains the run, the second ends it at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cqrs_sim.actors.kernel import Kernel

CAUGHT = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def no_interrupts() -> Iterator[None]:
    """Hold signals off while a result is written; outside the main thread do nothing.

    A long run's result must not be lost for a Ctrl-C that comes a second too late.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in CAUGHT}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise `KeyboardInterrupt`, as Ctrl-C does; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def ignore_interrupts() -> None:
    """Take no notice of signals, but while a run lasts: for processes that run for another one."""
    for number in CAUGHT:
        signal.signal(number, signal.SIG_IGN)


def interrupt_process(pid: int) -> None:
    """What Ctrl-C does, to one process that we have started."""
    os.kill(pid, signal.SIGINT)


@contextmanager
def interrupts(kernel: Kernel) -> Iterator[None]:
    """Turn signals into `Kernel.interrupt` while a run lasts; outside the main thread do nothing.

    The third signal does what it would have done without us.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in CAUGHT}
    seen = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        kernel.interrupt()
        if seen == 2:
            signal.signal(number, previous[signal.Signals(number)])

    try:
        for number in CAUGHT:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
