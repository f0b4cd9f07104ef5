"""Deliveries compared: one load and one seed under each promise, with the same planned crashes."""
