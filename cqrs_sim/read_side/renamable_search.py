"""Read model `search` whose customers may be renamed."""

from collections import defaultdict

from cqrs_sim.domain.events import Event, OrderCreated
from cqrs_sim.ids import CustomerId, OrderId
from cqrs_sim.read_side.names import NameOf, NewestNames, derived_name
from cqrs_sim.read_side.search import SearchReadModel, SearchRow


class RenamableSearch(SearchReadModel):
    """`SearchReadModel` that also knows whose order is whose."""

    def __init__(self, name_of: NameOf = derived_name) -> None:
        """Make one without rows; `name_of` says how customers are called before all renames."""
        super().__init__(name_of)
        self._name_of = self._newest = NewestNames(name_of)
        self._by_customer: defaultdict[CustomerId, list[OrderId]] = defaultdict(list)

    def apply(self, event: Event) -> None:
        """See `SearchReadModel.apply`."""
        super().apply(event)
        if type(event) is OrderCreated:
            self._by_customer[event.customer_id].append(event.order_id)

    def orders_count(self, customer_id: CustomerId) -> int:
        """How many rows show the name of a customer."""
        return len(self._by_customer.get(customer_id, ()))

    def rename(self, customer_id: CustomerId, name: str) -> int:
        """Show another name in every row of a customer, and in those to come; find them by it.

        Returns:
            How many rows there are.
        """
        self._newest.tell(customer_id, name)
        order_ids = self._by_customer.get(customer_id, ())
        for order_id in order_ids:
            row = self.rows[order_id]
            self._forget(row)
            row.customer_name = name
            self._index[name][order_id] = None
        return len(order_ids)

    def _forget(self, row: SearchRow) -> None:
        """Find it by its customer's name no more, unless a product of it has the same."""
        name = row.customer_name
        if name not in row.product_names:
            found = self._index[name]
            del found[row.order_id]
            if not found:
                del self._index[name]
