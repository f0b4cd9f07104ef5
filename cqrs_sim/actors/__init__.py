"""The actor runtime: a kernel, mailboxes, clocks, the trio host and random streams.

It knows nothing of orders. An actor is a coroutine, or a generator, that only its kernel resumes;
inside it, nothing but the primitives of this folder is awaited. May import `errors` and `ids` only.
"""
