"""The order and its rules: commands, events, queries, `decide` and `evolve`.

Pure: no clock, no randomness, no trio, no numpy. May import `errors` and `ids` only.
"""
