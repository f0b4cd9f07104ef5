"""The actors of customers, against instants that are computed by hand."""

from fakes import RecordingProbe, run_actors

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.customers.actors import MAILBOX, CustomerActors
from cqrs_sim.customers.customer import RenameCustomer
from cqrs_sim.customers.events import CustomerRenamed
from cqrs_sim.customers.log import CustomerLog
from cqrs_sim.errors import CustomerNotFoundError, InvalidNameError
from cqrs_sim.ids import CustomerId, Nanoseconds

TIMES_NS = [100, 10, 30, *[1] * 1000]
"""Of each rename, as it was submitted."""


class CustomerSide:
    """Two customers, a and b, and the log of their system."""

    def __init__(self, kernel: Kernel, times_ns: list[int] | None = TIMES_NS) -> None:
        self.kernel = kernel
        self.probe = RecordingProbe(kernel)
        self.log = CustomerLog()
        self.heard: list[tuple[int, int, str]] = []
        numbers = {"a": 0, "b": 1}
        self.actors = CustomerActors(
            kernel, self.probe, self.log, lambda known: numbers.get(known), times_ns, self._heard
        )

    def _heard(self, event: CustomerRenamed) -> None:
        self.probe.calls.append((int(self.kernel.now_ns()), "heard", event.position))

    def submit(self, customer: str, name: str, intended_ns: int = 0) -> int:
        command = RenameCustomer(CustomerId(customer), name)
        return self.actors.submit(command, Nanoseconds(intended_ns))

    async def submit_all(self, *renames: tuple[str, str]) -> None:
        for customer, name in renames:
            self.submit(customer, name)
        await self.actors.wait_drained()
        self.probe.calls.append((int(self.kernel.now_ns()), "drained"))


def test_renames_of_one_customer_follow_one_another_and_those_of_two_do_not(
    kernel: Kernel,
) -> None:
    side = CustomerSide(kernel)
    run_actors(kernel, side.submit_all(("a", "A"), ("b", "B"), ("a", "AA")))
    assert side.probe.named("rename_dequeued", "rename_committed", "drained") == [
        (0, "rename_dequeued", 0),
        (0, "rename_dequeued", 1),
        (10, "rename_committed", 1, 1, 1),
        (100, "rename_committed", 0, 2, 1),
        (100, "rename_dequeued", 2),
        (130, "rename_committed", 2, 3, 2),
        (130, "drained"),
    ]
    assert [(event.name, event.occurred_ns) for event in side.log.events] == [
        ("B", 10), ("A", 100), ("AA", 130),
    ]  # fmt: skip


def test_a_commit_is_told_before_anybody_hears_of_it(kernel: Kernel) -> None:
    side = CustomerSide(kernel)
    run_actors(kernel, side.submit_all(("a", "A")))
    assert side.probe.named("rename_committed", "heard") == [
        (100, "rename_committed", 0, 1, 1),
        (100, "heard", 1),
    ]


def test_what_is_intended_and_whose_it_is_stands_with_the_rename(kernel: Kernel) -> None:
    side = CustomerSide(kernel)
    side.submit("b", "B", intended_ns=-5)
    assert side.probe.named("rename_submitted") == [(0, "rename_submitted", 1, -5)]


def test_without_modelled_time_a_rename_is_committed_when_it_comes(kernel: Kernel) -> None:
    side = CustomerSide(kernel, None)
    run_actors(kernel, side.submit_all(("a", "A"), ("a", "AA")))
    assert side.probe.named("rename_committed") == [
        (0, "rename_committed", 0, 1, 1),
        (0, "rename_committed", 1, 2, 2),
    ]


def test_what_is_rejected_is_noted_and_not_committed_and_holds_up_nobody(kernel: Kernel) -> None:
    side = CustomerSide(kernel)
    run_actors(kernel, side.submit_all(("a", ""), ("nobody", "X"), ("a", "A"), ("a", "A")))
    assert [event.name for event in side.log.events] == ["A"]
    reasons = [(why.customer_id, type(why)) for why in side.actors.rejected]
    assert reasons == [
        ("nobody", CustomerNotFoundError), ("a", InvalidNameError), ("a", InvalidNameError),
    ]  # fmt: skip
    assert [call[2] for call in side.probe.named("rename_committed")] == [2]
    assert side.probe.named("rename_submitted")[1][2] == -1, "nobody has no number"


def test_only_who_is_being_renamed_is_in_memory(kernel: Kernel) -> None:
    side, seen = CustomerSide(kernel), list[list[CustomerId]]()

    async def watch() -> None:
        for _ in range(3):
            seen.append(sorted(side.actors.residents))
            await kernel.pause(60)

    run_actors(kernel, side.submit_all(("a", "A"), ("b", "B")), watch())
    assert seen == [["a", "b"], ["a"], []]
    run_actors(kernel, side.submit_all(("a", "AA")))
    assert side.log.events[-1].version == 2, "its state came back from the log"


def test_more_renames_than_a_mailbox_holds_wait_before_it(kernel: Kernel) -> None:
    side = CustomerSide(kernel)
    names = [("a", f"A{number}") for number in range(2 * MAILBOX)]
    run_actors(kernel, side.submit_all(*names))
    assert [event.name for event in side.log.events] == [name for _, name in names]


def test_a_system_that_closes_commits_nothing_more(kernel: Kernel) -> None:
    side = CustomerSide(kernel)

    async def close() -> None:
        await kernel.pause(50)
        side.actors.close()

    for customer in "ab":
        side.submit(customer, "X")
    run_actors(kernel, close())
    assert [event.customer_id for event in side.log.events] == ["b"]
    assert not side.actors.residents
