"""The partner kind `fhir`: a FHIR R4 server that is given changes by REST and asked for its own, in its dialect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from adapters.base import Adapter, Arrived, Message, Parcel, Polled, Receipt, Whom
from adapters.fhir_envelope import Reading
from adapters.fhir_give import Giving
from adapters.fhir_poll import Asking
from adapters.fhir_settings import client_of, dialect_of, is_plain_http, problems_of, settings_of
from adapters.fhir_words import Marks
from adapters.fhir_write import Writing
from adapters.partners import Partner
from adapters.surroundings import Surroundings
from security.errors import InvalidConfiguration


class FhirPartner:
    """One FHIR server."""

    def __init__(self, partner: Partner, surroundings: Surroundings) -> None:
        """Make it inside the running loop. Raises InvalidConfiguration for plain http outside a sandbox."""
        settings, dialect = settings_of(partner), dialect_of(partner)
        if is_plain_http(settings) and not surroundings.private_addresses:
            raise InvalidConfiguration([f"{partner.name}: plain http is for a sandbox only"])
        self._http, fhir = client_of(partner, settings, surroundings.clock)
        types = [kind for kind in settings.types if dialect.travels_in(kind)]
        writing = Writing(fhir, Marks(surroundings.fhir_base), keys=settings.once == "idempotency-key")
        self._give = Giving(writing, settings, dialect, surroundings.fhir_base)
        self._ask = Asking(fhir, types, settings.base, settings.page, dialect, surroundings.clock)
        self._read = Reading(dialect, frozenset(types), settings.base, surroundings.fhir_base)

    def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Carry a parcel over: see `adapters.fhir_give`."""
        return self._give(parcel)

    async def poll(self, cursor: str) -> Polled:
        """Ask for what is new of the types that the description names: see `adapters.fhir_poll`."""
        return await self._ask.news(cursor)

    async def of_person(self, whom: Whom, theirs: str = "") -> Sequence[Message]:
        """Ask for everything of the description's types about one person, for servers that answer nothing else.

        `theirs` is the partner's reference of the Patient where it is known; else they are found by NHS number, and
        must have the birth date of `whom` (raise OtherPerson). Empty when the partner does not know them.
        """
        return await self._ask.of_person(whom, theirs)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Put a message into our words: see `adapters.fhir_envelope`."""
        return (self._read(message),)

    async def settled(self, message: Message) -> None:
        """Do nothing: a FHIR server keeps no list of what we have read."""

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()


class FhirKind:
    """The kind `fhir`."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description, its files and its mapping."""
        return problems_of(partner)

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter of a partner."""
        return FhirPartner(partner, surroundings)
