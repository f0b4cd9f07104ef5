"""What tables in SQLite files share: connections, transactions, batches, checks, sizes.

It knows no orders. May import `errors` only.
"""
