"""Files of read models: how far each is, one made anew, and put in place of the live one.

May import storage, tables, the log's codec and the read side; knows no kernel and no scenario.
"""
