"""The control: one model for writes and reads, as normalised tables in SQLite.

Commands load, decide and save here, and questions are answered from the same tables by joins and
sums. No events are kept. It may see both vocabularies of the domain, which is what CQRS parts.
"""
