"""What tables in SQLite files share: connections, transactions, indexes held to a scan, sizes.

It knows no orders. May import `errors` only.
"""
