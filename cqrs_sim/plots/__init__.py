"""Figures, drawn by matplotlib: of one run, of what its fresh reads cost, of two results.

May import `analysis`, the trace and `scenario`; matplotlib is imported here only, and only when a
figure is asked for.
"""
