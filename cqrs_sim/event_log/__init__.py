"""The log of all events, and the subscriptions through which it is read.

The log is the buffer: it never waits for a reader. May import `errors`, `ids`, `probe`, `actors`
and `domain.events`.
"""
