"""The other side of MESH, by the makers' own client; runs in the environment of scripts/mesh-peer.sh.

One JSON object comes on standard input, one goes to standard output. `do` is `send` (content in base64; chunk,
compress, headers) or `receive` (everything that waits, read, and acknowledged where `acknowledge` says so).
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from mesh_client import MeshClient  # type: ignore[import-not-found]


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked and return what came of it."""
    with MeshClient(
        asked["base"],
        asked["mailbox"],
        asked["password"],
        shared_key=asked["shared_key"].encode(),
        cert=(asked["certificate"], asked["key"]),
        verify=asked["ca"],
        max_retries=0,
        timeout=20,
    ) as client:
        client.handshake()
        if asked["do"] == "send":
            content = base64.b64decode(asked["content"])
            sent = client.send_message(
                asked["to"], content, max_chunk_size=asked["chunk"], compress=asked["compress"], **asked["headers"]
            )
            return {"id": sent}
        return {"messages": [read(client, one, asked["acknowledge"]) for one in client.list_messages()]}


def read(client: MeshClient, name: str, acknowledge: bool) -> dict[str, Any]:
    """Return one message whole."""
    message = client.retrieve_message(name)
    found = {"id": name, "content": base64.b64encode(message.read()).decode(), "headers": dict(message.mex_headers())}
    message.close()
    if acknowledge:
        client.acknowledge_message(name)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.load(sys.stdin))))
