"""What questions cost from normalised and from denormalised tables, and when the latter pay.

Measured on SQLite, on this machine. It sees the tables of both kinds and what makes a load; no
kernel, no actors: what is timed is the tables alone.
"""
