"""A queue of SQS and the subscriptions of MNS on a real socket, as strict as they are; knows nothing of our adapters.

SQS: JSON protocol, Signature Version 4 verified to the byte and to fifteen minutes, messages hidden while they are
out, receipts that lapse. MNS: a token by private_key_jwt (RS512, exact audience, at most five minutes, each jti once),
Subscriptions of the right form, 409 for one that is there. Neither tells its clock: a test says what time it is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ACCESS_KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ACCOUNT, NAME, REGION = "123456789012", "events", "eu-west-2"
API_KEY, KID = "api-key-of-the-tests", "key-1"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}"
SUBSCRIPTIONS = "/multicast-notification-service/subscriptions"
Answer = tuple[int, Mapping[str, Any]]


@dataclass(slots=True)
class Lying:
    """One message in the queue. `receipts` by when they lapse; it is hidden until then."""

    id: str
    body: str
    hidden_until: datetime
    receipts: list[str] = field(default_factory=list)
    received: int = 0


@dataclass(slots=True)
class Multicast:
    """`instead` are answers that are given before anything is done, used up one by one."""

    clock: Callable[[], datetime]
    port: int = 0
    session_token: str = ""
    public_key: RSAKey | None = None
    messages: list[Lying] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    instead: deque[Answer] = field(default_factory=deque)
    tokens: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    damage: bool = False
    new_status: int = 201
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def queue_url(self) -> str:
        """The queue's URL."""
        return f"{self.base}/{ACCOUNT}/{NAME}"

    def put(self, body: bytes) -> str:
        """Put a message into the queue."""
        made = Lying(str(uuid.uuid4()), body.decode(), datetime.min.replace(tzinfo=UTC))
        self.messages.append(made)
        return made.id

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Judge and answer one POST."""
        with self.lock:
            if path == "/oauth2/token":
                return self._token(body)
            if path == SUBSCRIPTIONS:
                self.actions.append("subscribe")
                return self.instead.popleft() if self.instead else self._subscribe(headers, body)
            action = headers.get("x-amz-target", "").removeprefix("AmazonSQS.")
            self.actions.append(action)
            if self.instead:
                return self.instead.popleft()
            return self._unsigned(path, headers, body) or self._queue(action, json.loads(body))

    def _queue(self, action: str, said: dict[str, Any]) -> Answer:
        if said.get("QueueUrl") != self.queue_url:
            return _refused("QueueDoesNotExist")
        if action == "ReceiveMessage":
            return self._receive(said)
        if action == "DeleteMessage":
            return self._delete(said)
        return _refused("UnknownOperationException")

    def _receive(self, said: dict[str, Any]) -> Answer:
        most, hidden = said.get("MaxNumberOfMessages", 1), said.get("VisibilityTimeout", 30)
        if not (1 <= most <= 10 and 0 <= hidden <= 43_200 and 0 <= said.get("WaitTimeSeconds", 0) <= 20):
            return _refused("InvalidParameterValue")
        now, found = self.clock(), []
        for message in [one for one in self.messages if one.hidden_until <= now][:most]:
            message.hidden_until = now + timedelta(seconds=hidden)
            message.received += 1
            message.receipts.append(f"receipt-{uuid.uuid4()}")
            digest = hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest()
            body = message.body + ("x" if self.damage else "")
            found.append(
                {"MessageId": message.id, "ReceiptHandle": message.receipts[-1], "Body": body, "MD5OfBody": digest}
            )
        return 200, {"Messages": found} if found else {}

    def _delete(self, said: dict[str, Any]) -> Answer:
        receipt = said.get("ReceiptHandle")
        for message in self.messages:
            if receipt in message.receipts:
                if receipt != message.receipts[-1] or message.hidden_until <= self.clock():
                    return _refused("InvalidParameterValue")  # it lapsed
                self.messages.remove(message)
                return 200, {}
        return _refused("ReceiptHandleIsInvalid")

    def _unsigned(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """Verify Signature Version 4, as its specification has it."""
        try:
            scheme, _, rest = headers["authorization"].partition(" ")
            parts = dict(part.strip().split("=", 1) for part in rest.split(","))
            key, day, region, service, end = parts["Credential"].split("/")
            signed = parts["SignedHeaders"].split(";")
            date = headers["x-amz-date"]
            said = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except (KeyError, ValueError):
            return _refused("MissingAuthenticationToken", 403)
        if (scheme, key, region, service, end) != ("AWS4-HMAC-SHA256", ACCESS_KEY, REGION, "sqs", "aws4_request"):
            return _refused("InvalidClientTokenId", 403)
        if not {"host", "x-amz-date", "x-amz-target"} <= set(signed) or day != date[:8]:
            return _refused("SignatureDoesNotMatch", 403)
        if headers.get("x-amz-security-token", "") != self.session_token:
            return _refused("InvalidClientTokenId", 403)
        if abs(said - self.clock()) > timedelta(minutes=15):
            return _refused("SignatureDoesNotMatch", 403)
        named = [f"{name}:{headers[name].strip()}" for name in signed]
        parts_of_it = ["POST", path, "", *named, "", ";".join(signed), hashlib.sha256(body).hexdigest()]
        canonical = "\n".join(parts_of_it)
        scope = f"{day}/{region}/{service}/{end}"
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        secret = f"AWS4{SECRET}".encode()
        for part in (day, region, service, end):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        if hmac.new(secret, text.encode(), hashlib.sha256).hexdigest() != parts["Signature"]:
            return _refused("SignatureDoesNotMatch", 403)
        return None

    def _token(self, body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != bearer:
            return 400, {"error": "unsupported_grant_type"}
        assert self.public_key is not None
        try:
            token = jwt.decode(form["client_assertion"], self.public_key, ["RS512"])
        except JoseError:
            return 401, {"error": "invalid_client"}
        claims, now = token.claims, self.clock().timestamp()
        fits = (
            token.header.get("kid") == KID
            and (claims["iss"], claims["sub"], claims["aud"]) == (API_KEY, API_KEY, f"{self.base}/oauth2/token")
            and now < claims["exp"] <= now + 300
            and claims["jti"] not in self.used
        )
        if not fits:
            return 401, {"error": "invalid_client"}
        self.used.add(claims["jti"])
        made = str(uuid.uuid4())
        self.tokens.add(made)
        return 200, {"access_token": made, "expires_in": 599, "token_type": "Bearer"}

    def _subscribe(self, headers: Mapping[str, str], body: bytes) -> Answer:
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, _outcome("ACCESS_DENIED")
        said = json.loads(body)
        wanted = {"resourceType": "Subscription", "status": "requested"}
        channel = {"type": "message", "endpoint": ARN, "payload": "application/json"}
        right = (
            said | wanted == said
            and said.get("channel") == channel
            and said.get("criteria", "").startswith("eventType=")
            and bool(said.get("reason"))
            and "fhir+json" in headers.get("content-type", "")
        )
        if not right:
            return 400, _outcome("INVALID_RESOURCE")
        if any(one["criteria"] == said["criteria"] for one in self.subscriptions):
            return 409, _outcome("DUPLICATE")
        if self.new_status >= 400:
            return self.new_status, _outcome("ACCESS_DENIED")
        self.subscriptions.append(said)
        return self.new_status, {**said, "id": str(uuid.uuid4())}


def _refused(code: str, status: int = 400) -> Answer:
    return status, {"__type": f"com.amazonaws.sqs#{code}", "message": "words that nobody is to repeat"}


def _outcome(code: str) -> dict[str, Any]:
    coding = {"system": "https://fhir.nhs.uk/CodeSystem/Spine-ErrorOrWarningCode", "code": code}
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "forbidden", "details": {"coding": [coding]}}],
    }


@contextmanager
def multicast(clock: Callable[[], datetime]) -> Iterator[Multicast]:
    """Run both until the block ends."""
    there = Multicast(clock)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            status, said = there.answer(self.path, headers, body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield there
        finally:
            server.shutdown()
            thread.join()
