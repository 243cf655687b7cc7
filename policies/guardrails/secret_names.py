"""Names of variables and parameters that hold secrets, and texts that are secrets themselves."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_KEY|SECRET_ACCESS_KEY|TOKEN|API_?KEY|PRIVATE_KEY|AUTH_DATA|CREDENTIALS)$"
)
"""What the names of environment variables that hold secrets end with; those of ECS.8 among them."""
_KEY_ID = "AWS_ACCESS_KEY_ID"
_TEXTS = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@]*:[^\s:/@$({]{3,}@"),
    "a password": re.compile(
        r"(?im)^\s*(export\s+)?[a-z0-9_]*(password|passwd|secret_access_key|api_?key)\s*=\s*[\"']?[^\s\"'$(`{]{6,}"
    ),
}


def is_secret_name(name: str) -> bool:
    """Tell whether a variable of this name holds a secret; ``/`` and ``-`` part words as ``_`` does."""
    words = re.sub(r"[^A-Z0-9]+", "_", name.upper())
    return words == _KEY_ID or _NAME.search(words) is not None


def names_another_place(value: object) -> bool:
    """Tell whether a value only says where the secret is kept, or is a switch."""
    return str(value).startswith(("arn:", "ssm:", "secretsmanager:", "/", "file:", "vault:")) or str(value).lower() in (
        "true",
        "false",
    )


def secrets_in(text: str) -> list[str]:
    """List what kinds of secrets stand in a text; never the secrets themselves."""
    return [words for words, pattern in _TEXTS.items() if pattern.search(text)]
