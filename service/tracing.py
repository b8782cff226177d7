"""Traces for whoever runs the service: which step took how long, sent to an OpenTelemetry collector (OTLP over HTTP).

Guarantees: a span holds only attributes of an allow-list, none of which can hold anything of a person: no path, no id
of a request or record, no text of an error. Nothing is taken over from a caller (`traceparent`), so no outsider can
mark a request of somebody. Off unless EPACCS_OTLP names a collector; a collector that is away costs spans, nothing
else. https://opentelemetry.io/docs/specs/otlp/

This is the only module that knows OpenTelemetry, and it loads it when there is a collector.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as Recorded
    from opentelemetry.trace import Tracer

ATTRIBUTES = frozenset(
    {"partner", "cause", "outcome", "interaction", "status", "waiting", "given", "removed", "messages", "taken"}
)
"""The only attributes: a partner's name, words and counts of this program, and the status of an answer."""
FINISHED_WITHIN_MILLISECONDS = 3_000


class Span:
    """What is being done. `set` says something about it; it does nothing while there are no traces."""

    __slots__ = ("_recorded",)

    def __init__(self, recorded: Recorded | None = None) -> None:
        self._recorded = recorded

    def set(self, **attributes: str | int) -> None:
        """Add attributes; one that is not on the list is a programming error and raises KeyError."""
        if stray := attributes.keys() - ATTRIBUTES:
            raise KeyError(f"attributes that may not be traced: {sorted(stray)}")
        if self._recorded is not None:
            self._recorded.set_attributes(attributes)


_NOTHING = Span()
_tracer: Tracer | None = None
_provider: TracerProvider | None = None


def start(collector: str) -> None:
    """Begin to send spans of this process to a collector, the address of its root; '' for none."""
    global _tracer, _provider
    if not collector or _provider is not None:
        return
    # Loading it takes a fifth of a second, which a start without traces has not to spare.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Not `Resource.create`, which tells the names of machine, user and command as well.
    resource = Resource({"service.name": "epaccs", "service.version": VERSION})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces")))
    _tracer = _provider.get_tracer("epaccs")


def finish() -> None:
    """Send what is left, and end."""
    global _tracer, _provider
    provider, _tracer, _provider = _provider, None, None
    if provider is not None:
        provider.force_flush(FINISHED_WITHIN_MILLISECONDS)
        provider.shutdown()


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[Span]:
    """Do something under a span; spans begun inside belong to it. A failure is told by the name of its class alone."""
    if _tracer is None:
        yield _NOTHING
        return
    with _tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as recorded:
        made = Span(recorded)
        made.set(**attributes)
        try:
            yield made
        except BaseException as failure:
            made.set(outcome=type(failure).__name__)
            raise
