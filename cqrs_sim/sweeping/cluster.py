"""A Dask cluster as the crew of a sweep: the only module that knows dask.distributed.

The scheduler gives the work of a worker that is gone to another one; a task that ends several of
them is given up, and so is the sweep, with what is finished kept.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.wording import shown
from cqrs_sim.sweeping.crews import Crew

CONNECT_S = 10
TASKS_A_WORKER = 4


@contextmanager
def cluster(address: str) -> Iterator[Crew]:
    """The workers of a scheduler.

    Args:
        address: of the scheduler, such as `tcp://127.0.0.1:8786`.

    Raises:
        InvalidScenarioError: if dask.distributed is not installed, or the address is none.
        ConnectionError: if the scheduler does not answer, or has no workers.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise InvalidScenarioError(
            ["--cluster: needs dask.distributed: pip install 'cqrs-sim[cluster]'"]
        ) from None
    # A client of an address that it does not know takes 20 s to give up.
    if not re.fullmatch(r"(tcp|tls|ws|wss|ucx)://.+:[0-9]{1,5}", address):
        raise InvalidScenarioError(
            [f"--cluster {shown(address)}: must be an address such as tcp://127.0.0.1:8786"]
        )
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except OSError as error:
        raise ConnectionError(f"the scheduler at {address} does not answer: {error}") from error
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise ConnectionError(f"the scheduler at {address} has no workers")
        try:
            with client.get_executor(pure=False) as executor:
                yield Crew(executor=executor, workers=workers, in_flight=TASKS_A_WORKER * workers)
        except KilledWorker:
            raise ChildProcessError(
                "several workers of the cluster ended at one and the same task, perhaps for want "
                "of memory; what is finished is kept"
            ) from None
