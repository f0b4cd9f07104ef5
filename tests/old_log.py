"""A log as an older version of this program wrote it: every event in schema version 1.

Two orders: the first of the seed's demo, amended, confirmed and shipped; and one that was cancelled
by command. Money is in floats, as the arithmetic of then left it: 2 x 29.99 + 49.99 is
109.97 and 3 x 0.1 is 0.30000000000000004.
"""

OLD_EVENTS: list[tuple[str, int, dict[str, object]]] = [
    (
        "OrderCreated",
        1,
        {
            "order_id": "order-1", "version": 1, "position": 1,
            "occurred_ns": 1_000, "causation_id": 0, "correlation_id": 0,
            "customer_id": "customer-1",
            "items": [
                {"product_id": "prod-1", "quantity": 2, "price": 29.99},
                {"product_id": "prod-2", "quantity": 1, "price": 49.99},
            ],
            "total_amount": 109.97,
        },
    ),
    (
        "OrderCreated",
        1,
        {
            "order_id": "order-2", "version": 1, "position": 2,
            "occurred_ns": 2_000, "causation_id": 1, "correlation_id": 1,
            "customer_id": "customer-1",
            "items": [{"product_id": "prod-3", "quantity": 3, "price": 0.1}],
            "total_amount": 0.30000000000000004,
        },
    ),
    (
        "OrderAmended",
        1,
        {
            "order_id": "order-1", "version": 2, "position": 3,
            "occurred_ns": 3_000, "causation_id": 2, "correlation_id": 0,
            "items": [{"product_id": "prod-2", "quantity": 2, "price": 49.99}],
            "old_total_amount": 109.97,
            "total_amount": 99.98,
        },
    ),
    (
        "OrderStatusChanged",
        1,
        {
            "order_id": "order-1", "version": 3, "position": 4,
            "occurred_ns": 4_000, "causation_id": 3, "correlation_id": 0,
            "old_status": "PENDING", "new_status": "CONFIRMED",
        },
    ),
    (
        "OrderCancelled",
        1,
        {
            "order_id": "order-2", "version": 2, "position": 5,
            "occurred_ns": 5_000, "causation_id": 4, "correlation_id": 1,
            "old_status": "PENDING", "reason": "changed my mind",
        },
    ),
    (
        "OrderStatusChanged",
        1,
        {
            "order_id": "order-1", "version": 4, "position": 6,
            "occurred_ns": 6_000, "causation_id": 5, "correlation_id": 0,
            "old_status": "CONFIRMED", "new_status": "SHIPPED",
        },
    ),
]  # fmt: skip
"""Type, schema version, payload; in the order of their positions."""
