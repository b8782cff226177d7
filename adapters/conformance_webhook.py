"""What a receiver of webhooks keeps: CloudEvents 1.0, our signature over it, and `docs/webhooks.md`.

A receiver cannot be looked at: what it does with an event is its own. Its answers are judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.base import Parcel, Resource
from adapters.conformance_rules import Broken, Checks, NotApplicable, rule
from adapters.conformance_trial import Trial
from adapters.http import Guard, HttpClient
from adapters.plan_event import CONTENT_TYPE, event_of
from adapters.settings import read_settings
from adapters.webhook import MAX_ANSWER, SIGNATURE_HEADER, WebhookSettings
from security.event_signature import EventSigner

WEBHOOK: Checks = []
_EVENT = "CloudEvents 1.0 HTTP webhook, section 2.1"
_SIGNED = "RFC 7515; docs/webhooks.md, The signature"
_AGAIN = "docs/webhooks.md, Once, in order, and again"
_OLD = timedelta(hours=1)


class NoSight:
    """There is nothing to look at."""

    keeps = False

    async def look(self, trial: Trial) -> Mapping[str, str]:
        """Nothing can be seen."""
        raise NotApplicable("a receiver of webhooks shows nothing")

    async def changes(self, trial: Trial, reference: str, resource: Resource) -> None:
        """Nothing comes from a receiver."""
        raise NotApplicable("a receiver of webhooks sends nothing")

    def cursor(self, trial: Trial) -> str:
        """Nothing comes from a receiver."""
        return ""

    async def clean(self, trial: Trial) -> list[str]:
        """Ask for the removal of everything, as for whoever shares no longer; what it keeps is the receiver's."""
        if trial.held:
            await trial.give(trial.parcel(gone=list(trial.held)))
        return ["What the receiver keeps of the events about this run's keyed id."]

    async def close(self) -> None:
        """Nothing is open."""


@rule(WEBHOOK, "webhook-good", "A good event is answered 2xx", _EVENT)
async def good(trial: Trial) -> None:
    """Send one."""
    _is_taken(await _sent(trial, trial.parcel(trial.allergy(name="event"))))


@rule(WEBHOOK, "webhook-duplicate", "An event that came before is answered 2xx", f"CloudEvents 1.0, id; {_AGAIN}")
async def duplicate(trial: Trial) -> None:
    """Send the same twice, each signed anew."""
    parcel = trial.parcel(trial.allergy(1, "event"))
    _is_taken(await _sent(trial, parcel))
    _is_taken(await _sent(trial, parcel))


@rule(WEBHOOK, "webhook-older", "An event with an older sequence is answered 2xx, and not taken", _AGAIN)
async def older(trial: Trial) -> None:
    """Send the newer first."""
    late, newer = trial.parcel(trial.allergy(0, "event")), trial.parcel(trial.allergy(2, "event"))
    _is_taken(await _sent(trial, newer))
    _is_taken(await _sent(trial, late))


@rule(WEBHOOK, "webhook-unsigned", "An event without a signature is refused with 4xx", _SIGNED)
async def unsigned(trial: Trial) -> None:
    """Send one without the header."""
    _is_refused(await _sent(trial, trial.parcel(trial.allergy(name="bad")), signature=""))


@rule(WEBHOOK, "webhook-forged", "A signature by another key is refused with 4xx", _SIGNED)
async def forged(trial: Trial) -> None:
    """Sign with a key that is nobody's."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    parcel = trial.parcel(trial.allergy(name="bad"))
    signer = EventSigner(pem, trial.surroundings.clock)
    _is_refused(await _sent(trial, parcel, signature=signer.sign(_body(trial, parcel), _settings(trial).address)))


@rule(WEBHOOK, "webhook-changed", "An event that was changed after it was signed is refused with 4xx", _SIGNED)
async def changed(trial: Trial) -> None:
    """Sign one event and send another."""
    parcel = trial.parcel(trial.allergy(name="bad"))
    signature = _signer(trial).sign(_body(trial, parcel), _settings(trial).address)
    _is_refused(await _sent(trial, replace(parcel, key=f"{parcel.key}-changed"), signature=signature))


@rule(WEBHOOK, "webhook-elsewhere", "A signature for another address is refused with 4xx", _SIGNED)
async def elsewhere(trial: Trial) -> None:
    """Sign for somebody else."""
    parcel = trial.parcel(trial.allergy(name="bad"))
    _is_refused(
        await _sent(trial, parcel, signature=_signer(trial).sign(_body(trial, parcel), "https://elsewhere.example/"))
    )


@rule(WEBHOOK, "webhook-stale", "A signature of an hour ago is refused with 4xx", _AGAIN)
async def stale(trial: Trial) -> None:
    """Sign with a clock that is behind."""
    clock = trial.surroundings.clock
    parcel = trial.parcel(trial.allergy(name="bad"))
    signer = EventSigner(trial.surroundings.signing_pem, lambda: clock() - _OLD)
    _is_refused(await _sent(trial, parcel, signature=signer.sign(_body(trial, parcel), _settings(trial).address)))


def _settings(trial: Trial) -> WebhookSettings:
    return read_settings(trial.partner, WebhookSettings)


def _signer(trial: Trial) -> EventSigner:
    return EventSigner(trial.surroundings.signing_pem, trial.surroundings.clock)


def _body(trial: Trial, parcel: Parcel) -> bytes:
    return event_of(parcel, trial.surroundings.fhir_base, full=_settings(trial).payload == "full")


async def _sent(trial: Trial, parcel: Parcel, signature: str | None = None) -> int:
    """Send an event, rightly signed unless a signature is given ('' for none); return the status of the answer."""
    settings, body = _settings(trial), _body(trial, parcel)
    signed = _signer(trial).sign(body, settings.address) if signature is None else signature
    headers = {"Content-Type": CONTENT_TYPE, **({SIGNATURE_HEADER: signed} if signed else {})}
    guard = Guard(frozenset(settings.hosts), trial.surroundings.private_addresses)
    async with HttpClient(guard=guard, max_answer=MAX_ANSWER) as http:
        within = trial.partner.description.limits.timeout
        return (await http.send("POST", settings.address, headers=headers, content=body, within=within)).status


def _is_taken(status: int) -> None:
    if not 200 <= status < 300:
        raise Broken(f"It was answered {status}.")


def _is_refused(status: int) -> None:
    if not 400 <= status < 500:
        raise Broken(f"It was answered {status}.")
