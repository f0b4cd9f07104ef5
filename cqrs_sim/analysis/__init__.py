"""What a trace means: lag, quantiles, rates, saturation, and whether the run was correct.

From here outwards time is float seconds. May import `errors`, `ids`, `probe` and
`measurement.trace` only: whatever an analysis needs to know is in the trace or passed in.
"""
