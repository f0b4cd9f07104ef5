import pytest

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.parts import Customers, ReadModel
from cqrs_sim.scenario.presets import load_preset
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Scenario

RENAMES = """
[customers]
rename_rate = "2/s"
service = { distribution = "exponential", mean = "2ms" }
transport = "5ms"
[read_models.orders]
rename_each = "20us"
[read_models.search]
[read_models.statistics]
"""


def mistakes_of(*settings: str) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(RENAMES, settings)
    return caught.value.mistakes


def test_nobody_is_renamed_unless_a_rate_says_so() -> None:
    assert Scenario().customers == Customers(rename_rate=0.0)
    assert load_preset("default").renaming == frozenset()
    assert read_scenario(RENAMES, ("customers.rename_rate=0/s",)).renaming == frozenset()


def test_the_keys_are_read_and_written() -> None:
    scenario = read_scenario(RENAMES)
    assert scenario.customers.rename_rate == 2.0
    assert (scenario.customers.service.mean, scenario.customers.transport) == (2_000_000, 5_000_000)
    assert scenario.read_models["orders"].rename_each == 20_000
    assert read_scenario(to_toml(scenario)) == scenario


def test_read_models_that_show_names_show_renames() -> None:
    assert read_scenario(RENAMES).renaming == {"orders", "search"}


@pytest.mark.parametrize(
    "setting",
    [
        "read_models.statistics.projection=task",
        "read_models.statistics.poll=5ms",
        'read_models.statistics.rebuilds=[{at = "1s"}]',
        'read_models.statistics.crashes=[{at = "1s", down = "10ms"}]',
        "load={model='closed'}",
        "load={rate='10/s', process='constant'}",
        "workload.kind=amendments",
        "write_side.handling=optimistic",
        'write_side.crashes=[{at = "1s", down = "10ms"}]',
        "read_models.orders.index=list",
        "read_models.orders.batch=8",
        'read_models.orders.pauses=[{at = "1s", duration = "10ms"}]',
        "run.processors=2",
    ],
)
def test_what_does_not_touch_the_rows_with_names_goes_together_with_renames(setting: str) -> None:
    assert read_scenario(RENAMES, [setting]).renaming


ORDERS = "read_models.orders"
RATE = 'customers.rename_rate = "2/s"'


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (
            ("customers.service.distribution=real", "customers.service.mean=0s"),
            (
                'customers.service.distribution = "real": it is another system; it needs a '
                'modelled time, such as {distribution = "exponential", mean = "1ms"}'
            ),
        ),
        (
            ("customers.service.mean=0s",),
            'customers.service.mean: an exponential time needs a mean above 0, such as "5ms"',
        ),
        (
            ("read_models.statistics.rename_each=1ms",),
            (
                'read_models.statistics.rename_each = "1ms": shows no names; only orders and '
                "search have rows to rewrite"
            ),
        ),
        (
            ("customers.rename_rate=1000000/s",),
            (
                'customers.rename_rate = "1000000/s": makes more than the 10,000,000 renames in '
                "run.duration that a run can hold; must be lower"
            ),
        ),
        (
            ("load.model=replay", "load.rate=none", "load.log=commands.csv"),
            (
                f'{RATE}: renames customers of workload, but load.model = "replay" has its own; '
                'must be "open" or "closed"'
            ),
        ),
        (
            ("write_side.keeps=both",),
            (
                f'{RATE}: rows of the write side would keep old names; write_side.keeps = "both" '
                'must be "events"'
            ),
        ),
        (
            ("store=sqlite",),
            (
                f'{RATE}: needs store = "memory"; a store makes its files again from its own log, '
                "which knows of no rename"
            ),
        ),
        (
            (f"{ORDERS}.projection=inline",),
            (
                f'{RATE}: a projector shows renames, but {ORDERS}.projection = "inline"; must be '
                '"async"'
            ),
        ),
        (
            (f"{ORDERS}.projection=task",),
            f'{RATE}: a projector shows renames, but {ORDERS}.projection = "task"; must be "async"',
        ),
        (
            (f'{ORDERS}.rebuilds=[{{at = "1s"}}]',),
            (
                f"{ORDERS}.rebuilds: it would be rebuilt from its own log, which knows of no "
                f"rename; leave them out, or {RATE}, which makes renames"
            ),
        ),
        (
            (f"{ORDERS}.enrichment.service.mean=1ms",),
            f"{ORDERS}.enrichment: must be none, because of {RATE}: names come by renames",
        ),
        (
            (f"{ORDERS}.poll=5ms",),
            f'{ORDERS}.poll = "5ms": must be 0s, because of {RATE}: renames wake the projector',
        ),
        (
            (f'{ORDERS}.crashes=[{{at = "1s", down = "10ms"}}]',),
            (
                f"{RATE}: {ORDERS} needs delivery, idempotent, crashes and write_side.publish as "
                "they are by default"
            ),
        ),
        (
            ("read_models.search.delivery=exactly_once_effect",),
            (
                f"{RATE}: read_models.search needs delivery, idempotent, crashes and "
                "write_side.publish as they are by default"
            ),
        ),
    ],
)
def test_what_renames_cannot_come_to_is_refused_in_one_line(
    settings: tuple[str, ...], mistake: str
) -> None:
    assert mistakes_of(*settings) == (mistake,)


def test_a_model_without_rows_of_its_own_is_refused_too() -> None:
    settings = ("projection=inline", "form=joined")
    found = mistakes_of(
        *[f"{ORDERS}.{setting}" for setting in settings],
        "write_side.keeps=both",
    )
    assert f'{RATE}: {ORDERS}.form = "joined" has no rows to put a name in; must be "view"' in found
    assert not [line for line in found if "a projector shows renames" in line]


def test_a_scenario_that_is_made_in_python_is_refused_likewise() -> None:
    with pytest.raises(InvalidScenarioError, match="shows no names"):
        Scenario(read_models={"statistics": ReadModel(rename_each=1_000)})


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("customers.rename_rate", '"-1/s"', "must be"),
        ("customers.rename_rate", "2", "needs a unit"),
        ("customers.transport", '"200h"', "must be from 0s to 168h"),
        ("read_models.orders.rename_each", '"-1ms"', ""),
        ("customers.rate", '"1/s"', "unknown key"),
    ],
)
def test_values_out_of_range_are_refused_by_their_key(key: str, value: str, why: str) -> None:
    (found,) = mistakes_of(f"{key}={value}")
    assert found.startswith(key)
    assert why in found
