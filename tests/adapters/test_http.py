"""Every way in which an outside system fails to answer becomes one of two facts, and nothing is followed or leaked."""

from __future__ import annotations

import asyncio
import gzip
import ssl

import httpx
import pytest

from adapters.errors import NotAuthorised, NotSent, Overloaded, Unintelligible, Unreachable
from adapters.http import MAX_KEY_SET, HttpClient, key_set_fetch, strict_tls
from security.errors import TokenRefused, TokenUnavailable


def client(handler, **options) -> HttpClient:
    return HttpClient(transport=httpx.MockTransport(handler), **options)


def fetching(handler):
    return key_set_fetch(["keys.test"], transport=httpx.MockTransport(handler))


async def test_an_answer_of_any_status_is_an_answer():
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(418, headers={"ETag": 'W/"3"'}, content=b"body")

    async with client(handler) as http:
        answer = await http.send("POST", "https://partner.test/x", headers={"X-Request-ID": "1"}, content=b"sent")
    assert (answer.status, answer.headers["etag"], answer.body) == (418, 'W/"3"', b"body")
    assert (seen[0].headers["user-agent"], seen[0].headers["x-request-id"]) == ("epaccs", "1")
    assert "body" not in repr(answer).replace("body=", "")


async def test_a_redirect_is_not_followed():
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": "https://evil.test/"})

    async with client(handler) as http:
        assert (await http.send("POST", "https://partner.test/", content=b"a plan")).status == 307
    assert asked == ["https://partner.test/"]


@pytest.mark.parametrize(
    ("failure", "fact"),
    [
        (httpx.ConnectError("10.0.0.1"), NotSent),
        (httpx.ConnectTimeout("late"), NotSent),
        (httpx.ReadTimeout("late"), Unreachable),
        (httpx.WriteError("cut"), Unreachable),
        (httpx.PoolTimeout("busy"), NotSent),
        (httpx.RemoteProtocolError("9990000018"), Unintelligible),
        (TokenRefused("invalid_client"), NotAuthorised),
        (TokenUnavailable(7.0), Overloaded),
    ],
)
async def test_a_failure_is_a_fact_without_content(failure, fact):
    def handler(_: httpx.Request) -> httpx.Response:
        raise failure

    async with client(handler) as http:
        with pytest.raises(fact) as caught:
            await http.send("GET", "https://partner.test/")
    assert type(caught.value) is fact  # NotSent lets a request be sent again without looking
    assert "9990000018" not in str(caught.value)
    assert "10.0.0.1" not in str(caught.value)


async def test_an_answer_that_never_ends_is_given_up():
    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with client(handler) as http:
        with pytest.raises(Unreachable):
            await http.send("GET", "https://partner.test/", within=0.01)


async def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    async with client(lambda _: httpx.Response(200, content=b"x" * 11), max_answer=10) as http:
        with pytest.raises(Unintelligible):
            await http.send("GET", "https://partner.test/")


async def test_a_body_may_be_left_as_it_was_packed():
    packed = gzip.compress(b"a plan")

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Chunks(packed[:5], packed[5:]))

    async with client(handler, max_answer=len(packed)) as http:
        assert (await http.send("GET", "https://partner.test/")).body == b"a plan"
        assert (await http.send("GET", "https://partner.test/", decode=False)).body == packed
    async with client(handler, max_answer=len(packed) - 1) as http:
        with pytest.raises(Unintelligible):
            await http.send("GET", "https://partner.test/", decode=False)


async def test_an_answer_in_a_broken_encoding_is_unintelligible():
    async with client(
        lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Chunks(b"not gzip"))
    ) as http:
        with pytest.raises(Unintelligible):
            await http.send("GET", "https://partner.test/")


class Chunks(httpx.AsyncByteStream):
    """A body as it comes from the wire."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def __aiter__(self):
        for chunk in self._chunks:
            yield chunk


async def test_an_address_that_is_none_is_unreachable():
    async with client(lambda _: httpx.Response(200)) as http:
        with pytest.raises(Unreachable):
            await http.send("GET", "ftp://partner.test/\n")


def test_certificates_are_checked_and_old_tls_is_refused():
    context = strict_tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.test/jwks",
        "https://evil.test/jwks",
        "https://keys.test.evil.test/jwks",
        "https://evil.test/?keys.test",
    ],
)
async def test_a_key_set_is_fetched_from_the_list_of_hosts_alone(url):
    def handler(_: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing is asked")

    with pytest.raises(OSError, match="list of hosts"):
        await fetching(handler)(url)


async def test_a_key_set_is_fetched():
    answer = httpx.Response(200, content=b'{"keys": []}')
    assert await fetching(lambda _: answer)("https://keys.test/jwks") == b'{"keys": []}'


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"Location": "https://evil.test"}),
        httpx.Response(500),
        httpx.Response(200, content=b"x" * (MAX_KEY_SET + 1)),
    ],
)
async def test_a_key_set_that_is_not_plainly_answered_is_none(answer):
    with pytest.raises(OSError, match=r"no usable key set|too large"):
        await fetching(lambda _: answer)("https://keys.test/jwks")


async def test_a_key_server_that_is_down_is_an_os_error():
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down")

    with pytest.raises(OSError, match="ConnectError"):
        await fetching(handler)("https://keys.test/jwks")
