"""The keys of deliveries: crashes, modes, who publishes."""

import pytest

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Crash, ReadModel, WriteSide

LOAD = 'load = { rate = "100/s" }\n'
MS = 1_000_000


def mistakes_of(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(LOAD + text)
    return tuple(caught.value.mistakes)


def test_everything_is_as_usual_unless_it_is_told_otherwise() -> None:
    side, model = WriteSide(), ReadModel()
    assert (side.publish, side.crashes) == ("log_first", ())
    assert (model.delivery, model.idempotent, model.crashes) == ("at_least_once", True, ())


def test_deliveries_survive_writing_and_reading() -> None:
    text = """
    [write_side]
    publish = "dual_write"
    [[write_side.crashes]]
    at = "1s"
    down = "20ms"
    [[write_side.crashes]]
    at = "1020ms"
    down = "20ms"
    [read_models.orders]
    delivery = "at_most_once"
    idempotent = false
    crashes = [{ at = "5s", down = "200ms" }]
    """
    scenario = read_scenario(LOAD + text)
    assert scenario.write_side.crashes[1] == Crash(at=1020 * MS, down=20 * MS)
    model = scenario.read_models["orders"]
    assert (model.delivery, model.idempotent) == ("at_most_once", False)
    assert read_scenario(to_toml(scenario)) == scenario


def test_they_can_be_set_from_the_command_line() -> None:
    scenario = read_scenario(
        LOAD, ["read_models.orders.idempotent=false", "write_side.crashes=[{at='1s',down='1s'}]"]
    )
    assert not scenario.read_models["orders"].idempotent
    assert len(scenario.write_side.crashes) == 1


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            'write_side.crashes = [{ at = "5s", down = "2s" }, { at = "6s", down = "1s" }]',
            (
                'write_side.crashes[1].at = "6s": must not be before the process is back from the '
                "crash above it, at 7s"
            ),
        ),
        (
            (
                "[read_models.orders]\n"
                'crashes = [{ at = "5s", down = "2s" }, { at = "5s", down = "1s" }]'
            ),
            'read_models.orders.crashes[1].at = "5s": must not be before the process is back',
        ),
        (
            'write_side.crashes = [{ at = "5s" }]',
            "write_side.crashes[0].down: is missing",
        ),
        (
            'write_side.crashes = [{ at = "5s", down = "0s" }]',
            'write_side.crashes[0].down = "0s": must be from 1ns to 168h',
        ),
        (
            'write_side.crashes = "5s"',
            'write_side.crashes = "5s": must be a list such as [{ at = "10s", down = "200ms" }]',
        ),
        (
            'write_side.publish = "dual"',
            'write_side.publish = "dual": must be one of "log_first", "dual_write"',
        ),
        (
            'read_models.orders.delivery = "exactly_once"',
            (
                'read_models.orders.delivery = "exactly_once": must be one of "at_least_once", '
                '"at_most_once", "exactly_once_effect"'
            ),
        ),
        (
            'read_models.orders.idempotent = "no"',
            'read_models.orders.idempotent = "no": must be true or false, without quotes',
        ),
        (
            "read_models.orders.idempotent = 0",
            "read_models.orders.idempotent = 0: must be true or false, without quotes",
        ),
        (
            '[read_models.orders]\nprojection = "inline"\ndelivery = "at_most_once"',
            "read_models.orders.delivery: belongs to a projector, but",
        ),
        (
            '[read_models.orders]\nprojection = "task"\nidempotent = false',
            "read_models.orders.idempotent: belongs to a projector, but",
        ),
        (
            'store = "sqlite"\nwrite_side.publish = "dual_write"',
            'write_side.publish = "dual_write": needs store = "memory", and no modelled time in',
        ),
        (
            'log.append = "1us"\nwrite_side.crashes = [{ at = "5s", down = "1s" }]',
            'write_side.crashes: needs store = "memory", and no modelled time in log.commit and',
        ),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(text: str, mistake: str) -> None:
    (found,) = mistakes_of(text)
    assert found.startswith(mistake)
