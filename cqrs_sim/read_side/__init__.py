"""The read side: read models, the projectors that keep them, and the query gateway.

It never imports the write side, nor the write side it: they share events and their log, nothing
else.
"""
