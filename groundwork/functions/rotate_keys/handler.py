"""Renews signing keys, such as those of JSON Web Tokens, while tokens and copies of services outlive the change.

The secret is a JSON object. Each signing key ``JWT_SECRET`` in it is six entries::

    JWT_SECRET            what tokens are signed with                JWT_SECRET_ID            its id, for the token's "kid"
    JWT_SECRET_PREVIOUS   what they were signed with before          JWT_SECRET_PREVIOUS_ID
    JWT_SECRET_NEXT       what they will be signed with next         JWT_SECRET_NEXT_ID

A rotation moves each one on: next becomes current, current becomes previous, and a next one is drawn. Whoever verifies accepts all
three. So a token is good for a whole interval after the change, and a copy of a service that started before the change, and knows
only what it was given then, already knows the key that newer copies sign with. It must start anew before the rotation after that.

Entries without ``…_NEXT`` beside them are carried over as they are.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from secret_rotation import NotDue, keep, needed, run, value

KEY_BYTES = 64
"""As long as the output of SHA-512: https://datatracker.ietf.org/doc/html/rfc7518#section-3.2"""
PARTS = ("", "_PREVIOUS", "_NEXT")


def handle(event: Mapping[str, Any], context: object) -> None:
    """Run one step of one rotation."""
    run(event, create=create, put=put, test=test)


def create(secret: str, token: str) -> None:
    """Create the new version."""
    current = value(secret, "AWSCURRENT")
    if current is None:
        raise NotDue(f"{secret} is empty: there is nothing to renew")
    keep(secret, token, renewed(current))


def put(secret: str, token: str) -> None:
    """Do nothing: nobody keeps these keys but the secret itself."""


def test(secret: str, token: str) -> None:
    """Check that the new version holds every key, all different, and none that cannot be told by its id."""
    pending = needed(secret, "AWSPENDING", token)
    for name in names(pending):
        keys = [pending.get(f"{name}{part}") for part in PARTS]
        ids = [pending.get(f"{name}{part}_ID") for part in PARTS]
        if not all(isinstance(key, str) and len(key) >= 32 for key in keys) or len(set(keys)) != len(keys):
            raise ValueError(f"{name} needs three different keys of at least 32 characters")
        if ids != [identifier(str(key)) for key in keys]:
            raise ValueError(f"an id of {name} is not its key's")


def names(content: Mapping[str, Any]) -> list[str]:
    """List the signing keys in a secret."""
    found = sorted(name.removesuffix("_NEXT") for name in content if name.endswith("_NEXT"))
    if not found:
        raise ValueError("the secret holds no signing key: there is no entry that ends in _NEXT")
    return found


def renewed(current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content after this rotation."""
    content = dict(current)
    for name in names(current):
        moved = {"": current[f"{name}_NEXT"], "_PREVIOUS": current[name], "_NEXT": secrets.token_urlsafe(KEY_BYTES)}
        for part, key in moved.items():
            content[f"{name}{part}"] = key
            content[f"{name}{part}_ID"] = identifier(key)
    return content


def identifier(key: str) -> str:
    """Return an id that tells keys apart and says nothing about them."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]
