"""A sweep on a Dask cluster: a real scheduler, two workers in processes of their own, loopback."""

import builtins
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sweeps import SLOW, contents, interrupt_at, small

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.sweeping import session
from cqrs_sim.sweeping.runner import SweepProgress
from cqrs_sim.sweeping.session import Means, conduct

if TYPE_CHECKING:
    from distributed import LocalCluster


@pytest.fixture(scope="module")
def workers() -> "Iterator[LocalCluster]":
    """Two workers; a nanny each begins a new one where one is gone."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "write_figures", lambda *_: [])


def kill_one_at_work(address: str, killed: list[int]) -> Callable[[SweepProgress], None]:
    """SIGKILL, once, for a worker that has tasks, as soon as some runs are finished."""
    import distributed

    def told(progress: SweepProgress) -> None:
        if killed or not 0 < progress.finished < progress.total:
            return
        with distributed.Client(address, set_as_default=False) as client:
            busy = [name for name, tasks in client.processing().items() if tasks]
            pids: dict[str, int] = client.run(os.getpid)
            killed.append(pids[busy[0]])
            os.kill(killed[0], signal.SIGKILL)

    return told


def pids_of(address: str) -> set[int]:
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
        return set(client.run(os.getpid).values())


def test_a_killed_worker_loses_nothing_and_the_bytes_are_those_of_one_process(
    workers: Any, tmp_path: Path
) -> None:
    sweep, address = small(SLOW, "load.rate=100/s..400/s:lin:4"), workers.scheduler_address
    killed: list[int] = []
    table = conduct(
        sweep,
        Means(folder=tmp_path / "cluster", cluster=address),
        kill_one_at_work(address, killed),
    )
    conduct(sweep, Means(folder=tmp_path / "here"))

    assert table.is_complete
    assert len(killed) == 1
    assert killed[0] not in pids_of(address)
    assert contents(tmp_path / "cluster") == contents(tmp_path / "here")


def test_a_sweep_goes_on_elsewhere_than_where_it_was_interrupted(
    workers: Any, tmp_path: Path
) -> None:
    sweep, address = small(SLOW), workers.scheduler_address
    begun = Means(folder=tmp_path / "both", cluster=address)
    assert not conduct(sweep, begun, interrupt_at(*range(1, 9))).is_complete
    assert conduct(sweep, Means(folder=tmp_path / "both")).is_complete
    conduct(sweep, Means(folder=tmp_path / "here"))
    assert contents(tmp_path / "both") == contents(tmp_path / "here")


def test_a_task_that_ends_every_worker_ends_the_sweep_with_a_hint(workers: Any) -> None:
    import distributed

    from cqrs_sim.sweeping.cluster import cluster

    with (
        pytest.raises(ChildProcessError, match="for want of memory; what is finished is kept"),
        cluster(workers.scheduler_address),
    ):
        raise distributed.KilledWorker("task", None, 3)


@pytest.mark.parametrize("address", ["localhost:1", "zork://127.0.0.1:1", "tcp://127.0.0.1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with pytest.raises(InvalidScenarioError, match="must be an address such as tcp://"):
        conduct(small(SLOW), Means(cluster=address))


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **extra: Any) -> Any:
        if name == "distributed":
            raise ImportError(name)
        return real(name, *arguments, **extra)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InvalidScenarioError, match=r"pip install 'cqrs-sim\[cluster\]'"):
        conduct(small(SLOW), Means(cluster="tcp://127.0.0.1:1"))
