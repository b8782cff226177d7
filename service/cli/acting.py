"""Acting as a demo client over the public API, as the system that it stands for would."""

from __future__ import annotations

from adapters.http import HttpClient
from security.assertions import b2b_extensions
from security.client_assertion import ClientAssertion, SmartBackendAuth
from security.demo_clients import DEMO_CLIENTS, private_key
from service.settings import Settings
from service.wiring import clock_of


def acting_as(settings: Settings, name: str) -> HttpClient:
    """Return an HTTP client that signs in as a demo client; close it."""
    demo = DEMO_CLIENTS[name]
    key = private_key(settings.home, name)
    algorithm = "ES384" if demo.curve == "P-384" else "ES256"
    token_url = f"{settings.base_url}/oauth2/token"
    extensions = b2b_extensions(demo.asserted())
    assertion = ClientAssertion(name, token_url, key, f"{name}-1", algorithm, clock_of(settings), extensions)
    return HttpClient(auth=SmartBackendAuth(assertion, " ".join(demo.scopes), clock_of(settings)))
