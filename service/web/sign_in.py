"""The seam of signing in: one function turns the session of a request into the person who signed in, or None.

Whoever brings an identity provider (OpenID Connect: https://openid.net/specs/openid-connect-core-1_0.html) writes its
two addresses, where it sends people and where they come back, puts their key into the session there, and answers for it
here. Everything behind this function sees a `Principal` like that of a token: the registration of the client bounds it,
and the sharing decision is the same.

Today there is one way to sign in, the personas of the demo (`personas`), and none in production.
"""

from __future__ import annotations

from datetime import datetime

from security.principal import Principal
from security.registry import ClientRegistry
from service.web.personas import persona
from service.web.session import Session


def signed_in(session: Session | None, registry: ClientRegistry, now: datetime, *, demo: bool) -> Principal | None:
    """Return who signed in; None when nobody did, the sign-in has ended, or their client is registered no more."""
    if session is None or not session.person or session.ended(now) or not demo:
        return None
    return persona(session.person, registry, session.id)
