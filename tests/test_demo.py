"""The golden demo of the text that this project implements, on every preset and on both clocks."""

import pytest

from cqrs_sim.architectures.catalogue import ARCHITECTURES
from cqrs_sim.demo import Demo, run_demo, tell_the_story
from cqrs_sim.engines.virtual import run_script
from cqrs_sim.scenario.presets import load_preset, preset_names, preset_text
from cqrs_sim.scenario.reading import read_scenario

GOLDEN = (
    "  order-001 of Customer-customer-123: SHIPPED, 2 lines, $109.97",
    "  order-002 of Customer-customer-123: CANCELLED, 1 line, $99.99",
    "  order-003 of Customer-customer-456: PENDING, 1 line, $89.97",
    "  customer-123 has 2 orders: order-001, order-002",
    "  SHIPPED: 1 order: order-001",
    "  statistics: 3 orders, revenue $299.93, average $99.98",
    "    PENDING 1, SHIPPED 1, CANCELLED 1",
)


def assert_golden(demo: Demo) -> None:
    assert demo.story.lines[-len(GOLDEN) :] == GOLDEN
    assert demo.story.events == (
        "OrderCreated",
        "OrderCreated",
        "OrderCreated",
        "OrderStatusChanged",
        "OrderStatusChanged",
        "OrderCancelled",
    )
    assert all(len(lags) == 6 and min(lags) >= 0.0 for lags in demo.lag_s.values())
    assert len(demo.response_s) == 6


def test_the_demo_tells_its_exact_numbers_on_the_virtual_clock() -> None:
    assert_golden(run_demo())


def test_the_demo_tells_its_exact_numbers_on_the_wall_clock() -> None:
    assert_golden(run_demo(clock="wall"))


@pytest.mark.parametrize("preset", preset_names())
def test_the_demo_tells_its_exact_numbers_on_every_preset(preset: str) -> None:
    assert_golden(run_demo(load_preset(preset), seed=5))


@pytest.mark.parametrize("preset", ARCHITECTURES)
def test_the_demo_tells_them_on_the_wall_clock_too_whatever_the_architecture(preset: str) -> None:
    assert_golden(run_demo(load_preset(preset), clock="wall", seed=5))


def test_where_tasks_update_the_read_models_the_story_is_true_only_because_it_waits() -> None:
    """Else a shipment overtakes the confirmation, now and then; here tasks take long enough."""
    slow = read_scenario(
        preset_text("tutorial"),
        [f"read_models.{name}.service.mean=50ms" for name in ("orders", "statistics")],
    )

    def is_golden(seed: int, waits: tuple[str, ...]) -> bool:
        story = run_script(
            lambda system: tell_the_story(system, ("orders", "statistics"), waits), slow, seed=seed
        )
        return story.lines[-len(GOLDEN) :] == GOLDEN

    assert all(is_golden(seed, ("orders", "statistics")) for seed in range(10))
    assert not all(is_golden(seed, ()) for seed in range(10))


def test_the_lags_on_the_virtual_clock_are_those_worked_out_by_hand() -> None:
    """A command takes 2 ms; a read model that takes longer falls behind by the difference."""
    demo = run_demo()

    assert demo.response_s == pytest.approx([0.002] * 6)
    assert demo.lag_s["orders"] == pytest.approx([0.003, 0.004, 0.005, 0.006, 0.007, 0.008])
    assert demo.lag_s["statistics"] == pytest.approx([0.001] * 6)
    assert demo.lag_s["search"] == pytest.approx([0.005, 0.008, 0.011, 0.014, 0.017, 0.020])
    assert demo.second_order_visible_s == pytest.approx(0.004)
