"""What the description of a partner of kind `mns` says, and what is wrong with it (`docs/nhs-events.md`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from adapters import addresses
from adapters.aws_signature import AwsSigner, read_aws_keys
from adapters.base import Adapter
from adapters.errors import AddressRefused
from adapters.http import HttpClient
from adapters.look_again import only_sends
from adapters.mns import MnsAdapter
from adapters.mns_event import EVENTS
from adapters.mns_subscription import Subscribing
from adapters.partners import Partner
from adapters.platform_auth import PlatformAuth, application_auth, problems_of
from adapters.settings import read_settings
from adapters.sqs import MAX_ANSWER, Queue
from adapters.surroundings import Surroundings
from security.client_assertion import SmartBackendAuth
from security.errors import InvalidConfiguration, KeysRefused

_ENDPOINT = re.compile(r"arn:aws:sqs:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,80}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")


class SubscriptionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which events MNS is asked for, and how we sign in there (API platform, RS512).

    `base` is the platform's address without a path; `endpoint` the ARN of the queue.
    """

    base: str
    auth: PlatformAuth
    endpoint: str
    events: tuple[str, ...] = ("pds-death-notification-2", "pds-change-of-gp-2")
    reason: str = "Keeping a shared palliative care record in step with PDS"


class MnsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A queue. `keys_file` holds the access key (JSON); `wait` and `visibility` are seconds."""

    queue_url: str
    region: str
    keys_file: str
    wait: int = 5
    visibility: int = 300
    subscription: SubscriptionSettings | None = None


class MnsKind:
    """The kind `mns`."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description and the files that it names."""
        problems = list(only_sends(partner))
        try:
            settings = read_settings(partner, MnsSettings)
        except ValueError as error:
            return [*problems, str(error)]
        return [*problems, *_queue(partner, settings), *_subscription(partner, settings)]

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter; raise InvalidConfiguration for an address that this deployment does not send to."""
        settings = read_settings(partner, MnsSettings)
        within = partner.description.limits.timeout
        try:
            signer = AwsSigner(partner.file(settings.keys_file), "sqs", settings.region, surroundings.clock)
            http = _http([settings.queue_url], surroundings.private_addresses)
            queue = Queue(
                http,
                settings.queue_url,
                signer,
                wait=settings.wait,
                visibility=settings.visibility,
                within=within,
            )
            return MnsAdapter(queue, _subscribing(partner, settings.subscription, surroundings, within))
        except AddressRefused as error:
            raise InvalidConfiguration([f"{partner.name}: {error}"]) from None


def _queue(partner: Partner, settings: MnsSettings) -> Iterator[str]:
    yield from _address("settings.queue_url", settings.queue_url)
    if _REGION.fullmatch(settings.region) is None:
        yield "`settings.region` is a region of AWS, such as eu-west-2"
    if not 0 <= settings.wait <= 20:
        yield "`settings.wait` is 0 to 20 seconds"
    if not 30 <= settings.visibility <= 43_200:
        yield "`settings.visibility` is 30 to 43200 seconds"
    try:
        read_aws_keys(partner.file(settings.keys_file))
    except KeysRefused as error:
        yield f"`settings.keys_file`: {error}"


def _subscription(partner: Partner, settings: MnsSettings) -> Iterator[str]:
    asked = settings.subscription
    if asked is None:
        return
    yield from _address("settings.subscription.base", asked.base, path=False)
    if _ENDPOINT.fullmatch(asked.endpoint) is None:
        yield "`settings.subscription.endpoint` is the queue's arn:aws:sqs:REGION:ACCOUNT:NAME"
    unknown = [event for event in asked.events if event not in EVENTS]
    yield from (f"`settings.subscription.events` names `{event}`, which MNS does not have" for event in unknown)
    if not (asked.events and asked.reason):
        yield "`settings.subscription` has `events` and a `reason`"
    yield from (f"`settings.subscription.auth`: {one}" for one in problems_of(asked.auth, partner.file))
    if asked.auth.user_restricted:
        yield "`settings.subscription.auth.user_restricted` is not for this kind: nobody is present"


def _address(name: str, url: str, *, path: bool = True) -> Iterator[str]:
    # whether private networks and plain HTTP are meant is the deployment's to say: judged by `adapter`
    try:
        target = addresses.check(url, [urlsplit(url).hostname or ""], private=True)
    except (AddressRefused, ValueError) as error:
        yield f"`{name}`: {error}"
        return
    if not path and target.path not in ("", "/"):
        yield f"`{name}` has no path"


def _subscribing(
    partner: Partner, asked: SubscriptionSettings | None, surroundings: Surroundings, within: float
) -> Subscribing | None:
    if asked is None:
        return None
    auth = application_auth(asked.auth, partner.file, surroundings.clock)
    http = _http([asked.base, asked.auth.token_url], surroundings.private_addresses, auth)
    notes = surroundings.notes(partner.name)
    return Subscribing(http, asked.base.rstrip("/"), asked.endpoint, asked.events, asked.reason, notes, within)


def _http(urls: list[str], private: bool, auth: SmartBackendAuth | None = None) -> HttpClient:
    for url in urls:
        addresses.check(url, [urlsplit(url).hostname or ""], private)
    # not guarded: who runs the service chose these addresses, and a queue's may well be private (a VPC endpoint)
    return HttpClient(auth=auth, max_answer=MAX_ANSWER)
