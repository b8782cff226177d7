"""Facts about a request as HTTP: what is wrong with its headers, media type or size, before any use case sees it."""

from __future__ import annotations


class RequestProblem(Exception):
    """Root of what is wrong with a request itself.

    RequestProblem
     +- NotAcceptable          the client takes no form that we give
     +- UnsupportedMediaType   the body is declared as something else than JSON
     +- BodyTooLarge           over the limit
     +- BadHeader              a header has a form that we cannot use; carries a fixed sentence
     +- BadParameter           a query or form parameter cannot be used; carries a fixed sentence
     +- TooManyRequests        this client asks more often than it may
    """


class NotAcceptable(RequestProblem):
    """The client takes no form that we give."""


class UnsupportedMediaType(RequestProblem):
    """The body is declared as something else than FHIR JSON."""


class BodyTooLarge(RequestProblem):
    """The body exceeds `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class BadHeader(RequestProblem):
    """A header cannot be used; `sentence` says what it should be and repeats nothing."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class BadParameter(RequestProblem):
    """A parameter cannot be used; `sentence` says what it should be and repeats nothing."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class TooManyRequests(RequestProblem):
    """This client asks more often than it may; in `seconds` it may ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds
