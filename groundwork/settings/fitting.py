"""Names that AWS keeps short."""

from __future__ import annotations

import hashlib


def fit(name: str, limit: int) -> str:
    """Return ``name`` if it is short enough, else its beginning and a hash of the whole: for names that AWS keeps
    short.

    Automatic names add eight characters, so a load balancer's limit of 32 leaves 24.
    """
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:5]
    return f"{name[: limit - 6].rstrip('-')}-{digest}"
