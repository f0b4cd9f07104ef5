"""Benchmarks of the simulator's own speed; see README.md in this folder."""
