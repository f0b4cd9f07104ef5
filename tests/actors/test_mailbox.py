import pytest
from fakes import run_actors

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.mailbox import EndOfChannel, Mailbox, MailboxStatistics, WouldBlock
from cqrs_sim.errors import ActorStoppedError, DeadlockError, MailboxFullError


def test_messages_come_out_in_the_order_in_which_they_went_in(kernel: Kernel) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 3)
    got: list[int] = []

    async def receiver() -> None:
        got.extend([message async for message in mailbox])

    async def sender() -> None:
        for number in range(10):
            await mailbox.send(number)
        mailbox.close()

    run_actors(kernel, receiver(), sender())
    assert got == list(range(10))


def test_a_full_mailbox_makes_the_sender_wait(kernel: Kernel) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 2)
    log: list[tuple[int, str]] = []

    async def sender() -> None:
        for number in range(3):
            await mailbox.send(number)
            log.append((int(kernel.now_ns()), f"sent {number}"))

    async def receiver() -> None:
        await kernel.sleep(10, Rank.OTHER, 0)
        log.append((int(kernel.now_ns()), f"got {await mailbox.receive()}"))

    run_actors(kernel, sender(), receiver())
    assert log == [(0, "sent 0"), (0, "sent 1"), (10, "got 0"), (10, "sent 2")]


def test_a_full_mailbox_refuses_by_policy_reject(kernel: Kernel) -> None:
    mailbox: Mailbox[str] = Mailbox(kernel, "order 7", 1, "reject")
    mailbox.tell("in")
    with pytest.raises(MailboxFullError, match=r"mailbox of order 7 is full \(1 messages\)"):
        mailbox.tell("out")

    async def sender() -> None:
        with pytest.raises(MailboxFullError):
            await mailbox.send("out")

    run_actors(kernel, sender())
    assert mailbox.refused_count == 2
    assert mailbox.receive_nowait() == "in"


def test_messages_told_to_a_full_mailbox_stand_in_line_first_come_first_served(
    kernel: Kernel,
) -> None:
    mailbox: Mailbox[str] = Mailbox(kernel, "m", 1)
    got: list[str] = []

    async def sender(message: str) -> None:
        await mailbox.send(message)

    async def main() -> None:
        mailbox.tell("told 1")
        await kernel.give_way()  # The two senders stand in line behind it.
        mailbox.tell("told 2")
        while len(got) < 4:
            got.append(await mailbox.receive())

    run_actors(kernel, main(), sender("sent 1"), sender("sent 2"))
    assert got == ["told 1", "sent 1", "sent 2", "told 2"]


def test_nobody_overtakes_the_line(kernel: Kernel) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 1)
    for number in range(3):
        mailbox.tell(number)
    assert not mailbox.offer(99)
    assert mailbox.receive_nowait() == 0
    # Number 1 took the room; number 2 still stands outside.
    with pytest.raises(WouldBlock):
        mailbox.send_nowait(99)
    mailbox.tell(3)
    assert [mailbox.receive_nowait() for _ in range(3)] == [1, 2, 3]


def test_send_nowait_would_block_whatever_the_policy(kernel: Kernel) -> None:
    for policy in ("block", "reject"):
        mailbox: Mailbox[int] = Mailbox(kernel, "m", 1, policy)
        mailbox.send_nowait(1)
        with pytest.raises(WouldBlock):
            mailbox.send_nowait(2)
        assert mailbox.statistics().sent_count == 1


def test_receive_nowait_would_block_when_empty_and_ends_when_closed(kernel: Kernel) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 1)
    with pytest.raises(WouldBlock):
        mailbox.receive_nowait()
    mailbox.close()
    with pytest.raises(EndOfChannel):
        mailbox.receive_nowait()


def test_a_closed_mailbox_takes_no_more_and_gives_out_what_is_inside_and_in_line(
    kernel: Kernel,
) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 2)
    got: list[int] = []

    async def receiver() -> None:
        got.extend([message async for message in mailbox])

    for number in range(4):
        mailbox.tell(number)
    mailbox.close()
    for send in (mailbox.send_nowait, mailbox.tell):
        with pytest.raises(ActorStoppedError, match="m has stopped"):
            send(9)
    run_actors(kernel, receiver())
    assert got == [0, 1, 2, 3]


def test_closing_wakes_a_receiver_that_waits(kernel: Kernel) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 2)
    ended: list[str] = []

    async def receiver() -> None:
        with pytest.raises(EndOfChannel):
            await mailbox.receive()
        ended.append("receiver")

    async def closer() -> None:
        await mailbox.aclose()

    run_actors(kernel, receiver(), closer())
    assert ended == ["receiver"]


def test_removing_all_gives_back_what_was_inside_and_in_line_and_wakes_the_senders(
    kernel: Kernel,
) -> None:
    mailbox: Mailbox[str] = Mailbox(kernel, "order 7", 1)
    left: list[str] = []
    heard: list[str] = []

    async def sender(message: str) -> None:
        try:
            await mailbox.send(message)
        except ActorStoppedError as error:
            heard.append(f"{message}: {error}")

    async def main() -> None:
        await kernel.sleep(1, Rank.OTHER, 0)
        left.extend(mailbox.remove_all())

    run_actors(kernel, sender("one"), sender("two"), sender("three"), main())
    assert left == ["one", "two", "three"]
    assert heard == ["two: order 7 has stopped", "three: order 7 has stopped"]
    with pytest.raises(ActorStoppedError):
        mailbox.tell("four")


def test_two_actors_that_send_to_each_other_through_full_mailboxes_are_a_deadlock(
    kernel: Kernel,
) -> None:
    left: Mailbox[int] = Mailbox(kernel, "left", 1)
    right: Mailbox[int] = Mailbox(kernel, "right", 1)

    async def talker(target: Mailbox[int]) -> None:
        while True:
            await target.send(1)

    kernel.spawn(talker(right), "left")
    kernel.spawn(talker(left), "right")
    with pytest.raises(DeadlockError) as caught:
        kernel.run_virtual()
    kernel.close()
    assert caught.value.blocked == (
        "left waits for room in the mailbox of right",
        "right waits for room in the mailbox of left",
    )


def test_statistics_count_every_message_where_it_is(kernel: Kernel) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 2)
    for number in range(5):
        mailbox.tell(number)
    mailbox.receive_nowait()
    assert mailbox.statistics() == MailboxStatistics(
        name="m",
        capacity=2,
        used_count=2,
        waiting_count=2,
        sent_count=5,
        received_count=1,
        refused_count=0,
        highest_used_count=2,
    )


def test_a_mailbox_is_idle_only_while_its_receiver_waits_at_it(kernel: Kernel) -> None:
    mailbox: Mailbox[int] = Mailbox(kernel, "m", 2)
    idle: list[bool] = [mailbox.is_idle]

    async def receiver() -> None:
        while True:
            await mailbox.receive()
            idle.append(mailbox.is_idle)
            await kernel.sleep(10, Rank.OTHER, 0)

    async def main() -> None:
        await kernel.sleep(1, Rank.OTHER, 1)
        idle.append(mailbox.is_idle)
        mailbox.tell(1)
        idle.append(mailbox.is_idle)
        await kernel.sleep(5, Rank.OTHER, 1)
        idle.append(mailbox.is_idle)

    run_actors(kernel, receiver(), main())
    assert idle == [False, True, False, False, False]
    # Before it came, idle at it, told, handling, and asleep while it works.


def test_the_message_in_work_is_known_to_the_kernel(kernel: Kernel) -> None:
    mailbox: Mailbox[str] = Mailbox(kernel, "m", 2)
    mailbox.tell("hello")

    async def receiver() -> None:
        await mailbox.receive()
        assert kernel.running.message == "hello"

    run_actors(kernel, receiver())


def test_none_is_a_message_like_any_other(kernel: Kernel) -> None:
    mailbox: Mailbox[int | None] = Mailbox(kernel, "a", 3)
    mailbox.send_nowait(None)
    mailbox.send_nowait(7)
    got: list[int | None] = []

    async def receiver() -> None:
        got.append(await mailbox.receive())
        got.append(await mailbox.receive())

    run_actors(kernel, receiver())
    assert got == [None, 7]
