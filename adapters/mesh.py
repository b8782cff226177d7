"""One mailbox of MESH, the NHS's message exchange: what every request has, and what concerns the mailbox itself.

Each request is authorised anew (`adapters.mesh_authorization`), over mutual TLS, and asks for MESH's second dialect.
Messages go out through `adapters.mesh_outbox` and come in through `adapters.mesh_inbox`; what answers mean is in
`adapters.mesh_refusals` and `adapters.mesh_received`. Which documents travel, and to whom, is for the partner kinds
that use this transport. How to run it: `docs/mesh.md`.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from adapters.errors import Unintelligible
from adapters.http import Answer, HttpClient
from adapters.mesh_authorization import Authorization, Credentials
from adapters.mesh_received import read
from adapters.mesh_refusals import refuse
from security.clock import Clock

ACCEPT = "application/vnd.mesh.v2+json"
CLIENT = "epaccs"
VALIDATE_EVERY = timedelta(days=1)


class Mailbox:
    """A mailbox, and the connections through which it is used."""

    def __init__(self, http: HttpClient, base: str, credentials: Credentials, clock: Clock, within: float) -> None:
        """`base` is the environment's address without a path; `within` is how long one request may take, in seconds."""
        self._http = http
        self._base = base
        self._authorization = Authorization(credentials, clock)
        self._within = within
        self._validated: datetime | None = None
        self.clock = clock
        self.id = credentials.mailbox

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        decode: bool = True,
    ) -> Answer:
        """Send one request to a path under the mailbox ('' is the mailbox itself); return its answer, of any status."""
        return await self._send(method, f"{self.id}{path}", headers, content, decode)

    async def validate(self) -> None:
        """Tell MESH that the mailbox is in use, once a day. Raises NotAuthorised when it is not ours."""
        now = self.clock()
        if self._validated is not None and now - self._validated < VALIDATE_EVERY:
            return
        said = {
            "Mex-ClientVersion": CLIENT,
            "Mex-OSName": platform.system(),
            "Mex-OSVersion": platform.release(),
            "Mex-OSArchitecture": platform.machine(),
        }
        answer = await self.call("GET", "", headers=said)
        if answer.status != 200:
            refuse(answer, now)
        self._validated = now

    async def count(self) -> int:
        """Return how many messages wait."""
        answer = await self.call("GET", "/count")
        if answer.status != 200:
            refuse(answer, self.clock())
        found = read(answer.body).get("count")
        if not isinstance(found, int):
            raise Unintelligible("the answer is no count")
        return found

    async def look_up(self, ods_code: str, workflow: str) -> Sequence[str]:
        """Return the mailboxes of an organisation that take a workflow; several are for a person to choose from."""
        path = f"endpointlookup/{quote(ods_code, safe='')}/{quote(workflow, safe='')}"
        answer = await self._send("GET", path, None, None, True)
        if answer.status != 200:
            refuse(answer, self.clock())
        results = read(answer.body).get("results")
        if not isinstance(results, list):
            raise Unintelligible("the answer is no list of mailboxes")
        # v1 calls it `address`
        found = [one.get("mailbox_id", one.get("address")) for one in results if isinstance(one, dict)]
        return tuple(one for one in found if isinstance(one, str) and one)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None, content: bytes | None, decode: bool
    ) -> Answer:
        url = f"{self._base}/messageexchange/{path}"
        every = {
            "Authorization": self._authorization.header(),
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip",
            **(headers or {}),
        }
        return await self._http.send(method, url, headers=every, content=content, within=self._within, decode=decode)
