"""The algebra engine: the trace of a run without actors, by array operations.

It shares with the virtual engine the plan of the run, its draws and `decide`, and nothing else; so
that the two agree to the nanosecond is evidence for both. `engine` is the way in.
"""
