"""The read models as SQLite tables: denormalised rows, with an index for each question.

Each answers like the one in memory of the same name, and `contents()` of both are equal. Tables
work on a connection that they are given, within a transaction of its owner: of a read model's own
file (`stored.StoredReadModel`), or of the writer's, where one transaction keeps all.
"""
