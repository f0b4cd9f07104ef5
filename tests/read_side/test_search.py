from collections.abc import Sequence

from fakes import History, amend, cancel, create, histories, item, update
from hypothesis import given

from cqrs_sim.domain.commands import Command
from cqrs_sim.read_side.search import SearchReadModel, SearchRow


def shown(commands: Sequence[Command]) -> SearchReadModel:
    history, model = History(), SearchReadModel()
    for command in commands:
        for event in history.handle(command):
            model.apply(event)
    return model


def hits(model: SearchReadModel, name: str) -> list[str]:
    return [row.order_id for row in model.find(name)]


def test_an_order_is_found_by_customer_and_by_product() -> None:
    model = shown([create("a", "7", [item("p", 2), item("q"), item("p", 3)])])
    row = SearchRow("a", "Customer-7", ("Product-p", "Product-q"), 6000, "PENDING")  # type: ignore[arg-type]
    for name in ("Customer-7", "Product-p", "Product-q"):
        assert model.find(name) == (row,)
    for name in ("Customer-8", "7", "p", "customer-7", ""):
        assert model.find(name) == ()


def test_hits_show_the_status_that_an_order_has_now() -> None:
    model = shown([create("a", "7"), create("b", "7"), update("CONFIRMED", "b"), cancel("a")])
    assert [(row.order_id, row.status) for row in model.find("Customer-7")] == [
        ("a", "CANCELLED"),
        ("b", "CONFIRMED"),
    ]


def test_an_amended_order_is_found_by_its_new_products_only() -> None:
    model = shown([create("a", "7", [item("p"), item("q")]), amend("a", [item("q"), item("r")])])
    assert (hits(model, "Product-p"), hits(model, "Product-r")) == ([], ["a"])
    assert hits(model, "Product-q") == ["a"]
    assert hits(model, "Customer-7") == ["a"]


@given(histories())
def test_the_read_model_equals_a_recomputation_from_the_orders(history: History) -> None:
    model = SearchReadModel()
    for event in history.events:
        model.apply(event)
    index: dict[str, set[str]] = {}
    for order in history.orders.values():
        products = [f"Product-{line.product_id}" for line in order.items]
        names = {f"Customer-{order.customer_id}", *products}
        for name in names:
            index.setdefault(name, set()).add(order.order_id)
        (row,) = [
            r for r in model.find(f"Customer-{order.customer_id}") if r.order_id == order.order_id
        ]
        assert row.product_names == tuple(dict.fromkeys(products))
        assert (row.total_cents, row.status) == (order.total_cents, order.status)
    names_used = {f"Product-prod-{number}" for number in range(5)} | index.keys()
    assert {name: set(hits(model, name)) for name in names_used} == {
        name: index.get(name, set()) for name in names_used
    }
    assert all(len(hits(model, name)) == len(set(hits(model, name))) for name in names_used)
