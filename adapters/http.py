"""The only place that opens HTTP clients: time limits, connection limits, TLS, no redirects, and one seam for failures.

Every request of this product to an outside system goes through `HttpClient.send`. What comes back is an `Answer` of any
status, or one of `adapters.errors`; no exception of httpx leaves this module. Redirects are never followed: a partner's
address is configured, and a redirect would carry a person's data, or a token, to an address that nobody chose.

With a `Guard` each request is judged by `adapters.addresses` when it is sent, and connects to the network addresses
that were judged.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from adapters import addresses
from adapters.errors import (
    AddressRefused,
    NotAuthorised,
    NotSent,
    Overloaded,
    ReportedIssue,
    Unintelligible,
    Unreachable,
)
from security.errors import TokenRefused, TokenUnavailable

USER_AGENT = "epaccs"
MAX_ANSWER = 64 * 1024 * 1024
MAX_KEY_SET = 256 * 1024
_TIMEOUT = httpx.Timeout(30.0, connect=5.0, pool=10.0)
_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side answered. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Guard:
    """Where a client may send to (`adapters.addresses`): exact host names, and whether private networks are meant."""

    hosts: frozenset[str]
    private: bool


class HttpClient:
    """A pool of connections. Use it as an asynchronous context manager, or call `close`.

    `auth` signs each request (`security.client_assertion.SmartBackendAuth`); `transport` replaces the network in tests;
    `tls` replaces `strict_tls()` for a partner that wants our certificate. With `guard` a request to an address that is
    not to be sent to raises AddressRefused.
    """

    def __init__(
        self,
        *,
        auth: httpx.Auth | None = None,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        max_answer: int = MAX_ANSWER,
        guard: Guard | None = None,
    ) -> None:
        self._max_answer = max_answer
        tls = tls if tls is not None else strict_tls()
        if guard is not None and transport is None:
            transport = _Guarded(guard, tls)
        self._client = httpx.AsyncClient(
            auth=auth,
            verify=tls,
            transport=transport,
            timeout=_TIMEOUT,
            limits=_LIMITS,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": USER_AGENT},
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        within: float = 60.0,
        decode: bool = True,
    ) -> Answer:
        """Send one request and read the answer whole, in at most `within` seconds, signing in first where needed.

        `decode=False` leaves the body in its Content-Encoding, for a protocol that has rules of its own about it.
        Raises Unreachable, Unintelligible, AddressRefused, NotAuthorised when the token endpoint gives us no token, or
        Overloaded when it is down.
        """
        try:
            async with (
                asyncio.timeout(within),
                self._client.stream(method, url, headers=headers, content=content) as response,
            ):
                return Answer(response.status_code, _headers(response), await self._read(response, decode))
        except (httpx.DecodingError, httpx.RemoteProtocolError) as error:
            if _went_away(error):
                raise Unreachable(type(error).__name__) from None
            raise Unintelligible("the answer is not HTTP") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL) as error:
            raise NotSent(type(error).__name__) from None
        except (httpx.TransportError, TimeoutError) as error:
            raise Unreachable(type(error).__name__) from None
        except TokenUnavailable as error:
            raise Overloaded((ReportedIssue("error", error.error),), retry_after=error.retry_after) from None
        except TokenRefused as error:
            raise NotAuthorised((ReportedIssue("error", error.error),)) from None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _read(self, response: httpx.Response, decode: bool) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes() if decode else response.aiter_raw():
            body += chunk
            if len(body) > self._max_answer:
                raise Unintelligible("the answer is too large")
        return bytes(body)


class _Guarded(httpx.AsyncBaseTransport):
    """Judges each request's address when it is sent, and connects to what was judged, under the name that was asked.

    TLS is checked for the name (SNI and certificate), which is also the Host. Connections are kept by name, or one that
    was made for one name would be used for another that has the same network address.
    """

    def __init__(self, guard: Guard, tls: ssl.SSLContext) -> None:
        self._guard = guard
        self._tls = tls
        self._by_host: dict[str, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = addresses.check(str(request.url), self._guard.hosts, self._guard.private)
        if request.url.host != target.host:
            raise AddressRefused("the address can be read in two ways")
        pool = self._by_host.get(target.host)
        if pool is None:
            pool = httpx.AsyncHTTPTransport(verify=self._tls, limits=_LIMITS, trust_env=False)
            self._by_host[target.host] = pool
        failure: httpx.TransportError | None = None
        for address in await addresses.resolve(target, self._guard.private):
            try:
                return await pool.handle_async_request(_pinned(request, target.host, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error  # nothing was sent: the next address of the same name may do
        raise failure or httpx.ConnectError("the name has no address")

    async def aclose(self) -> None:
        for pool in self._by_host.values():
            await pool.aclose()


def _pinned(request: httpx.Request, name: str, address: str) -> httpx.Request:
    """Return the same request, to be sent to `address`. Its headers hold the Host that was asked for."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )


def key_set_fetch(
    hosts: Collection[str], *, transport: httpx.AsyncBaseTransport | None = None
) -> Callable[[str], Awaitable[bytes]]:
    """Return a function that gets an outside issuer's JWK Set, as `security.issuers` wants it.

    Only https and only the hosts of the list (exact names, standard or given port alike); at most 5 seconds and
    256 KiB, on a connection of its own, since it is asked so rarely. Whatever goes wrong is an OSError.
    """
    allowed = frozenset(hosts)

    async def fetch(url: str) -> bytes:
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname not in allowed:
            raise PermissionError("the address of a key set is not on the list of hosts")
        try:
            async with HttpClient(transport=transport, max_answer=MAX_KEY_SET) as client:
                answer = await client.send("GET", url, headers={"Accept": "application/json"}, within=5.0)
        except (Unreachable, Unintelligible) as error:
            raise ConnectionError(str(error)) from None
        if answer.status != httpx.codes.OK:
            raise ConnectionError("no usable key set was answered")
        return answer.body

    return fetch


def _went_away(error: Exception) -> bool:
    """Say whether the other side closed the connection before its answer was whole: no answer, rather than a bad one.

    httpx has one class for both, so its words decide (h11 and its own: "Server disconnected ...", "peer closed ...").
    """
    return str(error).lower().startswith(("server disconnected", "peer closed"))


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def strict_tls(ca_file: str | None = None) -> ssl.SSLContext:
    """Return the TLS that every partner gets: the system's authorities, names checked, 1.2 or later.

    `ca_file` names the only authorities that are believed instead, for a partner with an authority of its own. A
    partner that wants our certificate gets it by `load_cert_chain` on a context made here.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
