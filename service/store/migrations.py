"""Steps from one schema version of the document database to the next.

Each step is idempotent, since a program that dies in one is started again, and leaves a database that the version
before it can still read until the step is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from service.store.documents import Documents

SCHEMA_VERSION = 1

MIGRATIONS: dict[int, Callable[[Documents], Awaitable[None]]] = {}
"""By the version that a step starts from."""
