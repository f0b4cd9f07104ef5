"""The architectures of an order system, from one model to CQRS, and their comparison.

Imports everything below the command line.
"""
