"""What can go wrong in `security`, as facts.

Nothing here knows an HTTP status, and no message holds a key or an identifier of a person.

    SecurityError
    +-- KeysRefused       the keys cannot be used as they are: no file, wrong mode or owner, not understood
    +-- KeyUnavailable    a key that is needed cannot be had now: unknown version, provider down
    +-- SealBroken        sealed bytes do not open in the place and under the key they were given for
    +-- HeadMismatch      a record is not the one its head names: rolled back, replaced or never committed
    +-- ChainRewound      an audit chain was asked to go where it has not been
    +-- IdentityError     who asks cannot be established, or may not ask this
    |    +-- InvalidToken        an access token or client assertion proves nothing
    |    +-- CallerRefused       a genuine token names a role or purpose that this service does not know
    |    +-- SignatureRefused    something that was sent unasked is not signed by a registered client
    |    +-- ScopeMissing        a genuine token does not allow what was asked
    |    +-- AssertionRefused    the person or circumstances that a client asserts go beyond its registration
    |    +-- IssuerUnavailable   an outside issuer's keys cannot be had now
    |    +-- TokenRefused        a token endpoint that we asked gave us no token
    |    |    +-- TokenUnavailable    it is down or busy, which says nothing of who asks
    |    +-- DemoDoorClosed      minting for anyone exists in demo and sandbox only
    +-- InvalidConfiguration  a file of clients or issuers cannot be used; lists every problem
    +-- InvalidPolicy     a sharing policy document cannot be used; lists every problem
    +-- ConsentForAnotherPatient  a Consent names somebody else than the person whose record it is in
    +-- LegacyConsentNotUnderstood  an old shape of a consent says what cannot be told for certain
    +-- NotReleasable     something was to leave that no permitting decision covers
    +-- DecideRequestError    a request of `epaccs decide` has a key or word that the rules do not have
"""

from __future__ import annotations


class SecurityError(Exception):
    """Root of this package's errors."""


class KeysRefused(SecurityError):
    """The keys cannot be used as they are. The message is a plain sentence for the operator, without key material."""


class KeyUnavailable(SecurityError):
    """A key that is needed cannot be had now: say "unavailable, do not infer absence", never an empty plan (5.11)."""


class SealBroken(SecurityError):
    """Sealed bytes do not open here. One error for every cause, so that nobody learns which check failed."""

    def __init__(self) -> None:
        super().__init__("sealed bytes do not open in this place")


class HeadMismatch(SecurityError):
    """A stored record is not the one its head names: rolled back, replaced, or never committed."""

    def __init__(self) -> None:
        super().__init__("the stored record is not the one its head names")


class ChainRewound(SecurityError):
    """An audit chain was asked to rewind to a place it has not reached."""

    def __init__(self) -> None:
        super().__init__("an audit chain rewinds only to a place it has passed")


class IdentityError(SecurityError):
    """Who asks cannot be established, or may not ask this."""


class InvalidToken(IdentityError):
    """An access token or client assertion proves nothing. `reason` is a fixed sentence, never a part of the token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CallerRefused(IdentityError):
    """A genuine token names a role or purpose that is not known: refused, never read as a neighbour (I15)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SignatureRefused(IdentityError):
    """What was sent unasked is not signed as it must be. The message is a fixed sentence, for tests; nobody is told."""


class ScopeMissing(IdentityError):
    """A genuine token does not carry the scope that the request needs (rule 2.1)."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"the token does not carry the scope {scope}")
        self.scope = scope


class AssertionRefused(IdentityError):
    """What a client asserts is malformed or goes beyond its registration. `reason` is a fixed sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IssuerUnavailable(IdentityError):
    """An outside issuer's keys cannot be had now, so its tokens can neither be believed nor called false."""


class TokenRefused(IdentityError):
    """A token endpoint that we asked gave us no token. `error` is one of the codes of RFC 6749, or `unintelligible`."""

    def __init__(self, error: str) -> None:
        super().__init__(f"the token endpoint answered {error}")
        self.error = error


class TokenUnavailable(TokenRefused):
    """A token endpoint is down or busy. `retry_after` is in seconds, None where it did not say."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__("temporarily_unavailable")
        self.retry_after = retry_after


class DemoDoorClosed(IdentityError):
    """A token for anyone was asked for where demo doors do not exist."""


class InvalidConfiguration(SecurityError):
    """A file of clients or issuers cannot be used; `problems` has one plain sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class InvalidPolicy(SecurityError):
    """A sharing policy document cannot be used; `problems` has one plain sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ConsentForAnotherPatient(SecurityError):
    """A Consent names somebody else than the person whose record it is in: never applied (rule 5.2)."""

    def __init__(self) -> None:
        super().__init__("a Consent names another person than the one whose record it is in")


class NotReleasable(SecurityError):
    """Something was to leave that no permitting decision covers, or was made elsewhere than in `security.release`."""


class LegacyConsentNotUnderstood(SecurityError):
    """An old shape of a consent says what cannot be told for certain. The message says why, without what it holds."""


class DecideRequestError(SecurityError):
    """A request of `epaccs decide` has a key or a word that the sharing rules do not have."""
