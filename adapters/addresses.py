"""Which addresses we send to: an address may have been chosen by somebody who wants our own network to be asked.

What is guaranteed (against server-side request forgery): an address is https, its host is on a list that somebody here
wrote, and every network address that its name has at the moment of sending is public. `adapters.http` connects to the
very network addresses that were judged, so that a name which changes between the two (DNS rebinding) gains nothing.

`private`: in a sandbox partners may be on this machine or in its network, also without TLS. Link-local addresses,
where clouds hand out credentials, are refused even then.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass

from adapters.errors import AddressRefused, Unreachable

# Stricter than any URL parser: what two parsers could read differently does not get as far as a parser.
_ADDRESS = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?"
    r"((?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)"
)
_STANDARD_PORT = {"https": 443, "http": 80}
_LONGEST = 2048

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(block)
    for block in (
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments: Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",  # documentation
    )
)
_NEVER = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "64:ff9b::/96",  # NAT64: holds an IPv4 address
        "64:ff9b:1::/48",
        "fe80::/10",
        "ff00::/8",
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be sent to, once its network addresses are judged too."""

    scheme: str
    host: str
    port: int
    path: str


def check(url: str, hosts: Collection[str], private: bool) -> Target:
    """Judge an address by its text; raise AddressRefused with a plain reason.

    `hosts` are exact names, in lower case, without a port. An address has no user, no fragment and no letters beyond
    ASCII; a name in other letters is written as it is in the DNS (`xn--`).
    """
    found = _ADDRESS.fullmatch(url) if len(url) <= _LONGEST else None
    if found is None:
        raise AddressRefused("the address is not a plain URL, https://host/path, in lower-case ASCII")
    scheme, written, port, path = found.groups()
    host = written.strip("[]")
    if scheme != "https" and not private:
        raise AddressRefused("the address is not https")
    if host not in hosts:
        raise AddressRefused("the host of the address is not on the list")
    number = int(port) if port else _STANDARD_PORT[scheme]
    if number > 65_535:
        raise AddressRefused("the port of the address does not exist")
    literal = _literal(host)
    if literal is not None:
        _judge(literal, private)
    elif written != host:
        raise AddressRefused("the address is not a plain URL, https://host/path, in lower-case ASCII")
    return Target(scheme, host, number, path or "/")


async def resolve(target: Target, private: bool) -> tuple[str, ...]:
    """Return the network addresses of a target, all of them judged; raise AddressRefused if one is not to be sent to.

    One that is not public refuses them all: a name of both kinds was made to be asked again. Unreachable when the name
    has no address.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("the name of the host has no address") from None
    # sockaddr of IPv6 may carry a zone (fe80::1%2), which belongs to link-local addresses alone
    texts = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in texts:
        _judge(ipaddress.ip_address(text.partition("%")[0]), private)
    return texts


def is_public(address: IpAddress) -> bool:
    """Tell whether a network address is one of the public internet, and hides no other address inside."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False  # also ::ffff:0:0/96 (IPv4 inside) and 64:ff9b::/96 (NAT64)
    blocks = (*_NOT_PUBLIC, *_NEVER)
    return address.is_global and not any(address in block for block in blocks if block.version == address.version)


def _judge(address: IpAddress, private: bool) -> None:
    if is_public(address):
        return
    if not private:
        raise AddressRefused("the host has an address that is not public")
    inside = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    judged = inside or address
    if judged.is_unspecified or any(judged in block for block in _NEVER if block.version == judged.version):
        raise AddressRefused("the host has an address that nobody is to be sent to")


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
