"""Calibration: what the stages really cost on this machine, as a scenario that predicts runs."""
