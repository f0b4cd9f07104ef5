"""Read models on disk without a running system: how far each is, and making one anew.

May import storage, tables, the log's codec and the read side; knows no kernel and no scenario.
"""
