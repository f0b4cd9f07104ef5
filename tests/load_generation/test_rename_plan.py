import numpy as np
import pytest

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.ids import CustomerId
from cqrs_sim.load_generation.arrivals import ArrivalProcess
from cqrs_sim.load_generation.renames import RenamePlan, draw_renames
from cqrs_sim.load_generation.workload import customer_id, customer_number

SECOND = 1_000_000_000


def drawn(
    *, seed: int = 0, process: ArrivalProcess = "poisson", customers: int = 5, seconds: int = 100
) -> RenamePlan:
    return draw_renames(
        Streams(seed),
        process=process,
        rate_per_s=50.0,
        customers=customers,
        ends_ns=seconds * SECOND,
    )


def test_renames_come_at_their_rate_until_the_end_and_meet_all_alike() -> None:
    plan = drawn()
    assert len(plan.intended_ns) == pytest.approx(5000, abs=250)
    assert (np.diff(plan.intended_ns) >= 0).all()
    assert 0 <= plan.intended_ns[0] <= plan.intended_ns[-1] < 100 * SECOND
    shares = np.bincount(plan.customers, minlength=5) / len(plan.customers)
    assert shares == pytest.approx([0.2] * 5, abs=0.03)


def test_evenly_spaced_renames_come_after_a_whole_interval_each() -> None:
    assert drawn(process="constant", seconds=1).intended_ns[:3].tolist() == [
        20_000_000, 40_000_000, 60_000_000,
    ]  # fmt: skip


def test_a_longer_load_only_appends() -> None:
    few, many = drawn(seconds=10), drawn(seconds=20)
    count = len(few.intended_ns)
    assert np.array_equal(few.intended_ns, many.intended_ns[:count])
    assert np.array_equal(few.customers, many.customers[:count])


def test_no_customer_is_given_a_name_twice() -> None:
    names = [(command.customer_id, command.name) for command in drawn().commands()]
    assert len(set(names)) == len(names) == len(drawn().customers)
    assert ("customer-00003", "Customer-customer-00003 (1)") in names
    assert ("customer-00003", "Customer-customer-00003") not in names


@pytest.mark.parametrize("number", [0, 7, 99_999, 100_000, 9_999_999])
def test_a_customer_is_known_by_its_id(number: int) -> None:
    assert customer_number(customer_id(number)) == number


@pytest.mark.parametrize(
    "known", ["", "customer-", "customer-7", "customer-0000x", "order-00007", "customer-0000²"]
)
def test_an_id_of_another_make_is_nobodys(known: str) -> None:
    assert customer_number(CustomerId(known)) is None
