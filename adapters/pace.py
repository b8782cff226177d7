"""Keeping to a number of requests a second that the other side allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class Pace:
    """Lets through so many requests a second and makes the others wait their turn, in order. One for each limit.

    A limit that is an application's as a whole is to be shared out among the processes that ask.
    """

    def __init__(
        self, per_second: float, seconds: Callable[[], float], wait: Callable[[float], Awaitable[None]]
    ) -> None:
        """`seconds` only goes forward; `wait` waits so many of them."""
        self._gap = 1.0 / per_second
        self._seconds = seconds
        self._wait = wait
        self._next = float("-inf")

    async def turn(self) -> None:
        """Return when it is time for one more request."""
        now = self._seconds()
        at = max(now, self._next)
        self._next = at + self._gap
        if at > now:
            await self._wait(at - now)

    async def pause(self, seconds: float) -> None:
        """Wait as long as the other side asked for; nobody else goes first meanwhile."""
        self._next = max(self._next, self._seconds() + seconds)
        await self._wait(seconds)
