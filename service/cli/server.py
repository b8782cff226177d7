"""The HTTP server that the service runs in: one process, or several behind one port."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI

from service.settings import Settings

_COLLECTED_AFTER = 20_000
"""New objects between two collections. Sixteen answers that wait for their audit entries hold more than the 700 that
Python allows, which would then walk them again for nothing."""

_SILENT_SECONDS = 15
"""How long one of several processes may say nothing before it is ended and started again. One that starts says nothing:
with the 5 seconds of uvicorn a busy machine ends it each time before it is ready, and never serves. Whether one is dead
is looked at apart, twice a second."""

KEPT_ALIVE = 75
"""Seconds that an idle connection is kept. Whoever uses one again just as it is closed gets no answer; so it is longer
than the minute of the usual load balancers, and than the clients', who then are the ones that close it."""


def server_of(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """Return the server of an application in this process, and settle the memory of the process for it."""
    settle_memory()
    return uvicorn.Server(config_of(app, settings))


def config_of(app: FastAPI | Callable[[], FastAPI], settings: Settings, **more: Any) -> uvicorn.Config:
    """Return how an application, or what makes it in another process, is served."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEPT_ALIVE,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=_SILENT_SECONDS,
        **more,
    )


def settle_memory(collected_after: int = _COLLECTED_AFTER) -> None:
    """Tell the collector that what is there now stays, and to look less often at what comes.

    `collected_after`: new objects between two collections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(collected_after, 20, 20)
