"""The keys of who handles commands, and what has no meaning without order actors."""

import pytest

from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Retry, WriteSide

LOAD = 'load = { rate = "100/s" }\n'
MS = 1_000_000


def mistakes_of(text: str, *settings: str) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(LOAD + text, settings)
    return tuple(caught.value.mistakes)


def test_each_order_has_an_actor_unless_it_is_told_otherwise() -> None:
    assert WriteSide().handling == "mailbox"
    assert Retry() == Retry(attempts=5, backoff=MS, cap=100 * MS)


def test_handling_survives_writing_and_reading() -> None:
    text = """
    [write_side]
    handling = "optimistic"
    retry = { attempts = 3, backoff = "2ms", cap = "8ms" }
    """
    found = read_scenario(LOAD + text)
    assert found.write_side.retry == Retry(attempts=3, backoff=2 * MS, cap=8 * MS)
    assert read_scenario(to_toml(found)) == found


def test_retries_may_stand_beside_another_handling_so_that_the_two_can_be_compared() -> None:
    retry = ["write_side.retry.attempts=3", "write_side.handling=mailbox"]
    assert read_scenario(LOAD, retry).write_side.retry.attempts == 3


WHY = 'write_side.handling = "optimistic": no actor owns an order'


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            'write_side.handling = "pessimistic"',
            'write_side.handling = "pessimistic": must be one of "mailbox", "optimistic"',
        ),
        ("write_side.retry.attempts = 0", "write_side.retry.attempts = 0: must be from 1 to 100"),
        (
            'write_side = { handling = "optimistic", retry = { backoff = "1s" } }',
            'write_side.retry.cap = "100ms": must not be below its backoff = "1s"',
        ),
        *(
            (
                f'write_side = {{ handling = "optimistic", {given} }}',
                f"write_side.{key}: belongs to order actors, but {WHY}; leave it out",
            )
            for key, given in (
                ("mailbox", "mailbox = 8"),
                ("policy", 'policy = "reject"'),
                ("passivate_after", 'passivate_after = "5s"'),
                ("pauses", 'pauses = [{ at = "1s", duration = "1s" }]'),
                ("snapshot_every", "snapshot_every = 10"),
                ("replay", 'replay = "1us"'),
                ("keeps", 'keeps = "both"'),
                ("crashes", 'crashes = [{ at = "1s", down = "1s" }]'),
            )
        ),
        (
            'write_side.handling = "optimistic"\nread_models.orders.projection = "inline"',
            f'read_models.orders.projection = "inline": the order actor updates it, but {WHY}; mus',
        ),
        (
            'write_side.handling = "optimistic"\nrun = { discipline = "turns", processors = 1 }',
            f'run.discipline = "turns": is that of order actors, but {WHY}; must be "fifo"',
        ),
        *(
            (
                f'{given}\nwrite_side.handling = "unchecked"',
                (
                    'write_side.handling = "unchecked": needs store = "memory", and no modelled '
                    "time in log.commit and log.append; where writes are checked it must be "
                    '"optimistic"'
                ),
            )
            for given in ('store = "sqlite"', 'log.commit.mean = "1ms"', 'log.append = "1ms"')
        ),
    ],
)
def test_what_has_no_meaning_is_refused_in_one_line(text: str, mistake: str) -> None:
    (found,) = mistakes_of(text)
    assert found.startswith(mistake)


@pytest.mark.parametrize("handling", ["optimistic", "unchecked"])
def test_the_algebra_refuses_handlers_by_their_key(handling: str) -> None:
    (mistake,) = unsupported(read_scenario(LOAD, [f"write_side.handling={handling}"]))
    assert mistake == (
        f'write_side.handling = "{handling}": handlers come between one another, which the '
        "algebra engine cannot do; virtual can"
    )
