"""What a Subscription may ask for here: every problem of what was sent, at once, each in a plain sentence. Pure.

R4 itself is judged before (`fhir_profiles.validation`). What is not understood is refused, since a subscription that
does something else than its client believes is worse than none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from adapters import addresses, rest_hook
from adapters.errors import AddressRefused
from adapters.subscription_notification import (
    FILTER_CRITERIA,
    HEARTBEAT_PERIOD,
    MAX_COUNT,
    PAYLOAD_CONTENT,
    TIMEOUT,
    TOPIC,
    Content,
)
from fhir_profiles import json
from fhir_profiles.issues import Issue, error
from fhir_profiles.validation import validate
from security.clock import parse_instant
from service.sync import criteria
from service.sync.subscribed import SHORTEST_HEARTBEAT, extensions

Json = dict[str, Any]

LONGEST_ENDPOINT = 512
LONGEST = 8 * 1024
"""Bytes of one Subscription."""
_OURS = ("resourceType", "id", "meta", "text", "status", "error")
_TAKEN = frozenset({*_OURS, "contact", "end", "reason", "criteria", "_criteria", "channel"})
_CHANNEL = frozenset({"type", "endpoint", "payload", "_payload", "header", "extension"})
_KNOWN_EXTENSIONS = {
    "_criteria": {FILTER_CRITERIA},
    "_payload": {PAYLOAD_CONTENT},
    "channel": {HEARTBEAT_PERIOD, TIMEOUT, MAX_COUNT},
}
_CONTENTS = (Content.EMPTY, Content.ID_ONLY, Content.FULL_RESOURCE)


def problems_of(resource: Json, hosts: Collection[str], private: bool, now: datetime) -> list[Issue]:
    """Return what is wrong with a Subscription. `hosts` and `private` are as in `adapters.addresses`."""
    return validate(resource) or list(_problems(resource, hosts, private, now))


def kept_form(resource: Json) -> bytes:
    """Return what is kept of a resource that has no problems: all but what is ours to say."""
    return json.encode({name: value for name, value in resource.items() if name not in _OURS})


def _problems(resource: Json, hosts: Collection[str], private: bool, now: datetime) -> Iterator[Issue]:
    channel = resource["channel"]
    if not resource.keys() <= _TAKEN or not channel.keys() <= _CHANNEL:
        yield error("not-supported", "Subscription", "It has elements that are not understood here; leave them out.")
    if resource["status"] not in ("requested", "active", "off"):
        text = "A client asks for `requested`, or `off`; whether it is active, or fails, is said by this service."
        yield error("value", "Subscription.status", text)
    yield from _about(resource)
    if channel["type"] != "rest-hook":
        yield error("not-supported", "Subscription.channel.type", "The one channel here is rest-hook.")
    yield from _where(channel, hosts, private)
    yield from _payload(channel)
    yield from _unknown_extensions(resource, channel)
    for one in extensions(channel, HEARTBEAT_PERIOD):
        if not one.get("valueUnsignedInt", 0) >= SHORTEST_HEARTBEAT:
            text = f"A heartbeat has a period of {SHORTEST_HEARTBEAT} seconds at least."
            yield error("value", "Subscription.channel.extension", text)
    if "end" in resource and parse_instant(resource["end"]) <= now:
        yield error("value", "Subscription.end", "The end has passed.")
    if len(json.encode(resource)) > LONGEST:
        yield error("too-long", "Subscription", f"A Subscription has {LONGEST} bytes at most.")


def _about(resource: Json) -> Iterator[Issue]:
    filters = extensions(resource.get("_criteria"), FILTER_CRITERIA)
    topic = resource["criteria"] == TOPIC
    if len(filters) > 1 or (filters and not topic):
        text = f"There is one filter at most, on a `criteria` that names the topic {TOPIC}."
        yield error("not-supported", "Subscription.criteria.extension", text)
        return
    said = filters[0].get("valueString", "") if filters else "" if topic else resource["criteria"]
    try:
        if said or not topic or filters:
            criteria.read_criteria(said)
    except criteria.NotUnderstood:
        yield error("not-supported", "Subscription.criteria", criteria.SENTENCE)


def _where(channel: Json, hosts: Collection[str], private: bool) -> Iterator[Issue]:
    endpoint, place = channel.get("endpoint", ""), "Subscription.channel.endpoint"
    if len(endpoint) > LONGEST_ENDPOINT:
        yield error("too-long", place, f"An endpoint has {LONGEST_ENDPOINT} characters at most.")
    else:
        try:
            addresses.check(endpoint, hosts, private)
        except AddressRefused as refused:
            yield error("value", place, f"Nothing is sent there: {refused}.")
    try:
        rest_hook.headers_of(channel.get("header", ()))
    except ValueError as wrong:
        yield error("value", "Subscription.channel.header", str(wrong))


def _payload(channel: Json) -> Iterator[Issue]:
    place = "Subscription.channel.payload"
    said = extensions(channel.get("_payload"), PAYLOAD_CONTENT)
    if channel.get("payload", rest_hook.CONTENT_TYPE) != rest_hook.CONTENT_TYPE:
        yield error("not-supported", place, f"The payload is {rest_hook.CONTENT_TYPE}, or there is none.")
    if (
        len(said) > 1
        or any(one.get("valueCode") not in _CONTENTS for one in said)
        or (said and "payload" not in channel)
    ):
        yield error("code-invalid", place, "The content of a payload is empty, id-only or full-resource, said once.")


def _unknown_extensions(resource: Json, channel: Json) -> Iterator[Issue]:
    for name, element in {
        "_criteria": resource.get("_criteria"),
        "_payload": channel.get("_payload"),
        "channel": channel,
    }.items():
        found = [one.get("url") for one in (element or {}).get("extension", ())]
        if not set(found) <= _KNOWN_EXTENSIONS[name] or (name == "channel" and len(found) != len(set(found))):
            yield error("not-supported", "Subscription", "It has an extension that is not understood here, or twice.")
