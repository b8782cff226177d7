"""What can go wrong with an outside system, as facts. No message holds what was sent or received.

OutsideError
+-- AddressRefused     an address that we do not send to: nothing was sent
+-- Unreachable        no answer: name, network, TLS or time; whether the request took effect is not known
|    +-- NotSent           no connection came about, so it is known that nothing was sent
+-- Unintelligible     an answer that is not what the protocol promises, or too large
+-- Refused            an answer that says no; `issues` says what about, in codes and paths
     +-- NotAuthorised     our sign-in or its scope is not accepted: a person must look
     +-- NotThere          absent, deleted, or not for us
     |    +-- PersonUnknown     the partner does not know the person
     |    +-- NumberInvalidated      the NHS number was declared invalid, and nobody has it instead
     +-- Conflict          the resource changed since we read it, or a condition fits several
     |    +-- ChangedThere      the partner changed or deleted what it holds of a resource of ours
     |    +-- OtherPerson       whom the partner knows by this NHS number is not, or may not be, the person meant
     +-- ContentRefused    what we sent breaks a rule there: sending it again is no use
     |    +-- Unsendable        a mapping has no words for it, so nothing was sent
     +-- NotTakenBack      what was given stays there: the protocol has no way to remove it, so nothing was sent
     +-- Overloaded        the other side cannot take it now; `retry_after` in seconds when it said so
     +-- Faulty            the other side failed
"""

from __future__ import annotations

from dataclasses import dataclass


class OutsideError(Exception):
    """Root of this package's errors."""


class AddressRefused(OutsideError):
    """The address is not one that we send to, and nothing was sent. The message says why, and not where."""


class Unreachable(OutsideError):
    """No answer came. Only a request that may be repeated safely should be sent again without looking first."""


class NotSent(Unreachable):
    """No connection came about: nothing was sent, so that sending it again cannot do anything twice."""


class Unintelligible(OutsideError):
    """The answer is not what the protocol promises."""


@dataclass(frozen=True, slots=True)
class ReportedIssue:
    """One issue of an OperationOutcome, without its text: codes and FHIRPath say where, and nothing about whom."""

    severity: str
    code: str
    expression: tuple[str, ...] = ()


class Refused(OutsideError):
    """The answer says no. `outcome` is the body as received, for whoever may see it; it is not part of the message.

    `status` is the HTTP status, 0 where there was none.
    """

    def __init__(
        self,
        issues: tuple[ReportedIssue, ...] = (),
        outcome: bytes = b"",
        retry_after: float | None = None,
        status: int = 0,
    ) -> None:
        named = "; ".join(f"{issue.code} at {', '.join(issue.expression) or 'the whole'}" for issue in issues)
        super().__init__(f"{type(self).__name__}: {named}" if named else type(self).__name__)
        self.issues = issues
        self.outcome = outcome
        self.retry_after = retry_after
        self.status = status


class NotAuthorised(Refused):
    """Our sign-in or its scope is not accepted."""


class NotThere(Refused):
    """Absent, deleted, or not for us."""


class Conflict(Refused):
    """The resource changed since it was read, a condition fits several, or a rival decision stands."""


class ContentRefused(Refused):
    """What was sent breaks a rule there."""


class PersonUnknown(NotThere):
    """The partner does not know the person, and it is not ours to make them known there."""


class NumberInvalidated(NotThere):
    """The NHS number was declared invalid nationally, and no other number replaces it."""


class ChangedThere(Conflict):
    """The partner changed, or deleted, what it holds of a resource of ours; nothing was overwritten.

    `reference` is ours.
    """

    def __init__(self, reference: str) -> None:
        super().__init__((ReportedIssue("error", "conflict"),))
        self.reference = reference


class OtherPerson(Conflict):
    """Whom the partner knows by this NHS number is not, or may not be, the person meant; nothing was written.

    `why` names what disagrees and repeats nothing of it.
    """

    def __init__(self, why: str) -> None:
        super().__init__((ReportedIssue("error", "conflict", ("Patient",)),))
        self.why = why


class Unsendable(ContentRefused):
    """A mapping has no words for what was to be sent. `mapping` and `path` say where to mend it."""

    def __init__(self, mapping: str, path: str, why: str) -> None:
        super().__init__((ReportedIssue("error", "code-invalid", (path,)),))
        self.mapping = mapping
        self.path = path
        self.why = why


class NotTakenBack(Refused):
    """What was given stays there: the protocol has no way to remove it, and people have to ask. Nothing was sent."""


class Overloaded(Refused):
    """The other side cannot take it now."""


class Faulty(Refused):
    """The other side failed."""
