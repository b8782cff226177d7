"""Nobody makes us send into our own network: not by an address, not by a name, not by a name that changes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.addresses import Target, check, is_public, resolve
from adapters.errors import AddressRefused, Unreachable
from adapters.http import Guard, HttpClient
from tests.adapters.receiving import certificate_for, receiving

HOSTS = ("hub.test", "127.0.0.1", "::1", "8.8.8.8", "10.1.2.3", "169.254.169.254", "0.0.0.0")
NOT_PUBLIC = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "fc00::1",
    "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "4000::1",
]  # fmt: skip


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Iterable[str]) -> list[str]:
    """Make the resolver give one list of addresses after another, the last for ever; return the names it is asked."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_the_public_internet_is_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111"])
def test_what_is_public_is(address):
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:", "::", "64:ff9b::"]))
def test_no_ipv4_address_gets_by_inside_an_ipv6_one(inside, prefix):
    assert not is_public(ipaddress.ip_address(f"{prefix}{inside}"))


@given(st.ip_addresses())
def test_nothing_private_is_ever_public(address):
    if is_public(address):
        assert address.is_global
        for bad in ("private", "loopback", "link_local", "multicast", "reserved", "unspecified"):
            assert not getattr(address, f"is_{bad}"), bad


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hub.test/events?a=b", Target("https", "hub.test", 443, "/events?a=b")),
        ("https://hub.test", Target("https", "hub.test", 443, "/")),
        ("https://hub.test:8443/", Target("https", "hub.test", 8443, "/")),
        ("https://8.8.8.8/x", Target("https", "8.8.8.8", 443, "/x")),
    ],
)
def test_a_plain_address_on_the_list_is_taken(url, target):
    assert check(url, HOSTS, private=False) == target


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hub.test/", "not https"),
        ("https://other.test/", "not on the list"),
        ("https://hub.test.evil.test/", "not on the list"),
        ("https://sub.hub.test/", "not on the list"),
        ("https://10.1.2.3/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://169.254.169.254/latest", "not public"),
        ("https://hub.test:65536/", "port"),
        ("https://hub.test:0/", "plain URL"),
        ("https://hub.test@evil.test/", "plain URL"),
        ("https://evil.test\\@hub.test/", "plain URL"),
        ("https://hub.test#@evil.test/", "plain URL"),
        ("https://hub.test/#x", "plain URL"),
        ("https://hub.test\n.evil.test/", "plain URL"),
        ("https://hub.test /", "plain URL"),
        ("https://HUB.test/", "plain URL"),
        ("https://hub.test./", "plain URL"),
        ("https://ｈub.test/", "plain URL"),
        ("https:/hub.test/", "plain URL"),
        ("//hub.test/", "plain URL"),
        ("ftp://hub.test/", "plain URL"),
        ("file:///etc/passwd", "plain URL"),
        ("https://[fe80::1%25eth0]/", "plain URL"),
        ("https://[hub.test]/", "plain URL"),
        ("https://2130706433/", "not on the list"),
        ("https://0x7f.1/", "not on the list"),
        ("https://hub.test/" + "x" * 2048, "plain URL"),
        ("", "plain URL"),
    ],
)
def test_every_other_address_is_refused_and_not_repeated(url, why):
    with pytest.raises(AddressRefused, match=why) as caught:
        check(url, HOSTS, private=False)
    assert "evil" not in str(caught.value)


def test_a_sandbox_may_send_to_itself_but_not_where_clouds_keep_credentials():
    assert check("http://127.0.0.1:8080/x", HOSTS, private=True).port == 8080
    assert check("http://[::1]/", HOSTS, private=True).host == "::1"
    for host in ("169.254.169.254", "0.0.0.0"):
        with pytest.raises(AddressRefused, match="nobody"):
            check(f"http://{host}/", HOSTS, private=True)


async def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch):
    answering(monkeypatch, ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(AddressRefused, match="not public"):
        await resolve(Target("https", "hub.test", 443, "/"), private=False)


async def test_a_name_with_public_addresses_alone_gives_them_all(monkeypatch):
    answering(monkeypatch, ["8.8.8.8", "2606:4700::1111", "8.8.8.8"])
    assert await resolve(Target("https", "hub.test", 443, "/"), private=False) == ("8.8.8.8", "2606:4700::1111")


@pytest.mark.parametrize("address", ["fe80::1%2", "169.254.1.1", "::ffff:169.254.169.254", "::"])
async def test_link_local_is_refused_in_a_sandbox_too(monkeypatch, address):
    answering(monkeypatch, [address])
    with pytest.raises(AddressRefused):
        await resolve(Target("http", "hub.test", 80, "/"), private=True)


async def test_a_name_without_an_address_is_unreachable():
    with pytest.raises(Unreachable):
        await resolve(Target("https", "nobody.invalid", 443, "/"), private=False)


async def test_the_connection_goes_to_the_address_that_was_judged_under_the_name_that_was_asked(monkeypatch, tmp_path):
    made = certificate_for(["hub.test"], tmp_path)
    with receiving((made.chain, made.key)) as hub:
        asked = answering(monkeypatch, ["127.0.0.1"])
        guard = Guard(frozenset({"hub.test"}), private=True)
        async with HttpClient(guard=guard, tls=made.trusting) as http:
            for _ in range(2):
                assert (await http.send("POST", f"https://hub.test:{hub.port}/e", content=b"x")).status == 204
    assert asked == ["hub.test", "hub.test"], "the name is looked up once for each sending, and nowhere else"
    assert [one.headers["host"] for one in hub.received] == [f"hub.test:{hub.port}"] * 2
    assert [one.body for one in hub.received] == [b"x", b"x"]


async def test_a_certificate_for_another_name_is_no_partner(monkeypatch, tmp_path: Path):
    made = certificate_for(["other.test", "127.0.0.1"], tmp_path)
    with receiving((made.chain, made.key)) as hub:
        answering(monkeypatch, ["127.0.0.1"])
        guard = Guard(frozenset({"hub.test", "other.test"}), private=True)
        async with HttpClient(guard=guard, tls=made.trusting) as http:
            assert (await http.send("POST", f"https://other.test:{hub.port}/", content=b"x")).status == 204
            with pytest.raises(Unreachable):  # also where a connection to the same address stands already
                await http.send("POST", f"https://hub.test:{hub.port}/", content=b"a plan")
    assert [one.body for one in hub.received] == [b"x"]


async def test_a_name_that_changes_to_a_private_address_is_not_sent_to(monkeypatch):
    with receiving() as inside:
        answering(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
        target = check(f"https://hub.test:{inside.port}/", ["hub.test"], private=False)
        assert await resolve(target, private=False) == ("8.8.8.8",)
        async with HttpClient(guard=Guard(frozenset({"hub.test"}), private=False)) as http:
            with pytest.raises(AddressRefused, match="not public"):
                await http.send("POST", f"https://hub.test:{inside.port}/", content=b"a plan")
    assert inside.received == []


async def test_the_next_address_of_a_name_is_tried_when_one_does_not_connect(monkeypatch):
    with receiving() as hub:
        answering(monkeypatch, ["127.0.0.2", "127.0.0.1"])  # nothing listens on the first
        async with HttpClient(guard=Guard(frozenset({"hub.test"}), private=True)) as http:
            assert (await http.send("POST", f"http://hub.test:{hub.port}/", content=b"x")).status == 204
    assert [one.body for one in hub.received] == [b"x"]


async def test_a_redirect_to_the_inside_is_not_followed():
    with receiving() as hub, receiving() as inside:
        hub.answers = [(307, {"location": f"http://127.0.0.1:{inside.port}/"}, b"")]
        async with HttpClient(guard=Guard(frozenset({"127.0.0.1"}), private=True)) as http:
            assert (await http.send("POST", f"http://127.0.0.1:{hub.port}/", content=b"x")).status == 307
    assert inside.received == []
