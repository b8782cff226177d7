"""POSTing signed CloudEvents to one address: what every kind that is told by webhook shares (`docs/webhooks.md`).

Our signature over the exact bytes is in the header `Epaccs-Signature`. Where we send is judged at each sending
(`adapters.addresses`). A 2xx answer means that the receiver has stored the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters import addresses
from adapters.answers import refuse
from adapters.errors import AddressRefused
from adapters.http import Guard, HttpClient
from adapters.partners import Partner
from adapters.plan_event import CONTENT_TYPE
from adapters.surroundings import Surroundings
from security.errors import InvalidConfiguration
from security.event_signature import EventSigner

SIGNATURE_HEADER = "Epaccs-Signature"
MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class SignedEvents:
    """One address that takes our events. `within` is how long one POST may take, in seconds."""

    address: str
    http: HttpClient = field(repr=False)
    signer: EventSigner = field(repr=False)
    within: float

    @classmethod
    def to(cls, address: str, hosts: Sequence[str], partner: Partner, surroundings: Surroundings) -> SignedEvents:
        """Open the way to a partner's address; raise InvalidConfiguration where this deployment does not send."""
        private = surroundings.private_addresses
        try:
            addresses.check(address, hosts, private)
        except AddressRefused as error:
            raise InvalidConfiguration([f"{partner.name}: `settings.address`: {error}"]) from None
        return cls(
            address,
            HttpClient(guard=Guard(frozenset(hosts), private), max_answer=MAX_ANSWER),
            EventSigner(surroundings.signing_pem, surroundings.clock),
            partner.description.limits.timeout,
        )

    async def post(self, event: bytes) -> None:
        """POST one event; return when the answer is 2xx. Raise an OutsideError."""
        headers = {"Content-Type": CONTENT_TYPE, SIGNATURE_HEADER: self.signer.sign(event, self.address)}
        answer = await self.http.send("POST", self.address, headers=headers, content=event, within=self.within)
        if not 200 <= answer.status < 300:
            refuse(answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self.http.close()


def address_problem(address: str, hosts: Sequence[str]) -> str:
    """Return what is wrong with an address by its text, '' when nothing is.

    Whether private networks and plain HTTP are meant is the deployment's to say: `SignedEvents.to` judges that.
    """
    try:
        addresses.check(address, hosts, private=True)
    except AddressRefused as error:
        return f"`settings.address`: {error}"
    return ""
