"""Another system that owns customers: aggregates, mailboxes and a log of its own.

It knows no orders. Whoever shows its data in rows with other data follows its log.
"""
