"""What is recorded of a run, and the trace that comes of it. Imports the probe, nothing else."""
