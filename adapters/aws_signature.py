"""Signs requests to AWS (Signature Version 4) with botocore's signer, at our own clock: the only use of botocore.

botocore works out what is signed and how; when that is comes from the deployment's clock, and the request is sent by
`adapters.http`, like every other. Keys are read from a file each time, because temporary ones are replaced while the
process runs; they are in no repr, log or error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from security.clock import Clock
from security.errors import KeysRefused
from security.key_file import read_private

_TIMESTAMP = "%Y%m%dT%H%M%SZ"


class AwsKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An access key as a file holds it; `session_token` is there for temporary ones."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "AwsKeys()"


def read_aws_keys(path: Path) -> AwsKeys:
    """Read a key from a file of JSON that nobody else may read; raise KeysRefused."""
    try:
        return msgspec.json.decode(read_private(path), type=AwsKeys)
    except msgspec.MsgspecError:
        raise KeysRefused("it is no JSON with access_key_id and secret_access_key") from None


@dataclass(frozen=True, slots=True)
class AwsSigner:
    """Signs requests to one service in one region, with the key in a file."""

    keys: Path = field(repr=False)
    service: str
    region: str
    clock: Clock

    def headers(self, method: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        """Return the headers of a request with those that sign it, and it as a whole; raise KeysRefused."""
        # when it is first needed: it takes a while to load, and most deployments have no queue
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        held = read_aws_keys(self.keys)
        credentials = Credentials(held.access_key_id, held.secret_access_key, held.session_token or None)
        signer = SigV4Auth(credentials, self.service, self.region)
        request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
        request.context["timestamp"] = self.clock().strftime(_TIMESTAMP)
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        if held.session_token:
            request.headers["X-Amz-Security-Token"] = held.session_token
        canonical = signer.canonical_request(request)
        signature = signer.signature(signer.string_to_sign(request, canonical), request)
        signed = signer.signed_headers(signer.headers_to_sign(request))
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={signed}, Signature={signature}"
        )
        return {str(name): str(value) for name, value in request.headers.items()}
