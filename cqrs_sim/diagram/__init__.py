"""Diagrams: a scenario's architecture as Mermaid text, with the figures of a run on its edges."""
