"""Sweeps: one scenario at many settings, each with the same seeds, by whoever can run tasks.

May import everything below. The terminal, the verbs and the package itself import this one, and
`highest_rate` its crews.
"""
