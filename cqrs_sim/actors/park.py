"""How an actor is suspended, and what resumes it."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final, Protocol, cast


class Timer(Protocol):
    """What is called when its instant has come: an actor, or what stands for one."""

    @property
    def send(self) -> Callable[[None], object]:
        """Fire; what it returns must be `PARK`."""


class _Park:
    """See `PARK`."""

    __await__: Callable[[], Iterator[object]]


PARK: Final = cast("Awaitable[None]", _Park())
"""What the primitives return, once they have seen to it that the running actor is woken.

Awaited, or yielded by an actor that is a generator, it suspends that actor until then. It is also
all that an actor may yield to its kernel; anything else is a foreign await.
"""

# An iterator over one `PARK`, in C throughout: a generator would add two frames to every sleep.
# Static, since a `partial` in a class becomes a method in later versions of Python.
_Park.__await__ = staticmethod(partial(iter, (PARK,)))


class _Keep:
    """See `KEEP`."""

    __await__: Callable[[], Iterator[object]]


KEEP: Final = cast("Awaitable[None]", _Keep())
"""What a primitive returns that need not suspend: the running actor goes on at once.

Awaited, it suspends nothing. Yielded by a generator, it is for `Kernel.step` to resume that; so it
is only for kernels whose actors take turns (`actors.turns`).
"""

_Keep.__await__ = staticmethod(partial(iter, ()))
