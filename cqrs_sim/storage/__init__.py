"""SQLite: bytes in, bytes out, and what became of them. It knows no orders.

The only place that imports sqlite3. May import `errors`, `ids` and `fault_sites`.
"""
