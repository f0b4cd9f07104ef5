from fakes import MS, ScriptedClock

from cqrs_sim.actors.hiccups import Hiccup, HiccupTicker


class BusyClock(ScriptedClock):
    """A clock whose thread worked as long as a test says."""

    worked_ns = 0

    @property
    def busy_ns(self) -> int:
        return self.worked_ns


def ticked(clock: BusyClock, ticker: HiccupTicker, now_ns: int, worked_ns: int = 0) -> None:
    clock.move_to(now_ns)
    clock.worked_ns += worked_ns
    ticker.tick(now_ns)


def test_a_pause_is_the_lateness_of_the_tick_that_it_hit() -> None:
    clock = BusyClock()
    ticker = HiccupTicker(clock, period_ns=MS, kept=2)
    ticked(clock, ticker, MS + 10)
    ticked(clock, ticker, 7 * MS, worked_ns=400)
    ticked(clock, ticker, 8 * MS + 30)

    statistics = ticker.statistics()
    assert statistics.worst == (Hiccup(5 * MS, 2 * MS, 400), Hiccup(30, 8 * MS, 0))
    assert (statistics.ticks_count, statistics.late_count, statistics.late_ns) == (3, 1, 5 * MS)


def test_ticks_stay_on_their_grid_whatever_delays_them() -> None:
    clock = BusyClock()
    ticker = HiccupTicker(clock, period_ns=MS)
    due = []
    for now_ns in (MS + 200, 2 * MS + 900_000, 5 * MS, 6 * MS + 1):
        ticked(clock, ticker, now_ns)
        due.append(ticker.next_ns)
    assert due == [2 * MS, 3 * MS, 6 * MS, 7 * MS]


def test_work_of_the_thread_before_the_tick_was_due_is_no_part_of_the_pause() -> None:
    clock = BusyClock()
    ticker = HiccupTicker(clock, period_ns=MS)
    ticked(clock, ticker, MS + 300_000, worked_ns=MS)
    assert ticker.statistics().worst == (Hiccup(300_000, MS, 300_000),)


def test_what_delays_the_end_of_a_run_is_no_pause_of_it() -> None:
    clock, ended = BusyClock(), list[bool]()
    ticker = HiccupTicker(clock, period_ns=MS, is_over=lambda: bool(ended))
    ticked(clock, ticker, MS)
    ended.append(True)
    ticked(clock, ticker, 90 * MS)
    assert ticker.statistics().ticks_count == 1
    assert ticker.next_ns == 91 * MS


def test_pauses_of_the_warm_up_do_not_count_unless_they_reach_beyond_it() -> None:
    clock = BusyClock()
    ticker = HiccupTicker(clock, period_ns=MS, after_ns=10 * MS)
    ticked(clock, ticker, 9 * MS, worked_ns=5 * MS)
    ticked(clock, ticker, 13 * MS, worked_ns=MS)
    assert ticker.statistics().worst == (Hiccup(3 * MS, 10 * MS, MS),)


def test_a_restart_forgets_the_time_that_setting_up_took() -> None:
    clock = BusyClock()
    ticker = HiccupTicker(clock, period_ns=MS)
    clock.move_to(50 * MS)
    ticker.restart()
    ticked(clock, ticker, 51 * MS)
    assert ticker.statistics().worst == (Hiccup(0, 51 * MS, 0),)
