"""What tables in SQLite files share: connections, transactions, logs, batches, checks, sizes.

It knows no orders. May import `errors` only.
"""
