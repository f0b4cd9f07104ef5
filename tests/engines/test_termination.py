"""Signals beside a run: SIGTERM as Ctrl-C, and processes that take no notice of either."""

import os
import signal

import pytest

from cqrs_sim.engines.interrupts import (
    CAUGHT,
    ignore_interrupts,
    interrupt_process,
    termination_as_interrupt,
)


def test_sigterm_is_an_interrupt_as_long_as_that_is_asked_for() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), termination_as_interrupt():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_process_can_take_no_notice_of_signals() -> None:
    before = {number: signal.getsignal(number) for number in CAUGHT}
    try:
        ignore_interrupts()
        interrupt_process(os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        assert {signal.getsignal(number) for number in CAUGHT} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
