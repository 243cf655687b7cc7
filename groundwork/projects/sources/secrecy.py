"""What of an environment is a secret, by its name or its shape: no value of it is carried over."""

from __future__ import annotations

import re
from collections.abc import Iterable

from groundwork.components.services.checks import looks_secret

_WORDS = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|PRIVATE_?KEY|API_?KEY|(^|_)(PASS|PWD|KEY|SALT|DSN|JWT|AUTH|PIN|CERT)(_|$)"
)
_ABOUT = re.compile(
    r"_(LENGTH|EXPIR\w*|TTL|TIMEOUT|AGE|LIFETIME|MINUTES|SECONDS|HOURS|DAYS|MIN|MAX|SIZE|COUNT|LIMIT|ENABLED?|DISABLED?|PORT|HOST"
    r"|ALGORITHM|ALG|ISSUER|AUDIENCE|HEADER|TYPE|PREFIX|NAME|FILE|PATH|DIR|MODE|REQUIRED|PARALLELISM|URL|URI|ENDPOINT|ID|METHODS?|PROVIDERS?)$"
)
"""Endings of names that say something about a secret, and are none: ACCESS_TOKEN_EXPIRE_MINUTES."""
_PLAIN = ("", "true", "false", "yes", "no", "on", "off", "none", "null", "0", "1")
_SHAPES = re.compile(
    r"://[^/\s@]*:[^/\s@]+@"
    r"|\b(Bearer|Basic)\s+\S{8,}"
    r"|\bxox[abprs]-|\bsk-[A-Za-z0-9_-]{16,}|\b[sr]k_(live|test)_|\bglpat-|\bAIza[0-9A-Za-z_-]{20,}|\bSG\.[\w-]{16,}|\bdop_v1_|\bnpm_[A-Za-z0-9]{20,}"
    r"|hooks\.slack\.com/services/|discord(app)?\.com/api/webhooks/"
    r"|(^|[^0-9a-fA-F])[0-9a-fA-F]{32,}($|[^0-9a-fA-F])"
    r"|-----BEGIN |[?&](sig|signature|token|key|password|api_?key|access_token)=[^&\s]{6,}|\b(password|pwd)\s*=\s*[^;\s]",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(^|\s|-)(--?[\w-]*(password|passwd|pass|secret|token|api-?key|requirepass|private-?key)([= ]|$)|[A-Z0-9_]*(PASSWORD|SECRET|TOKEN|API_?KEY)=)",
    re.IGNORECASE,
)


def is_secret(name: str, value: str | None) -> bool:
    """Tell whether a variable is a secret: by what it is called, or by what its value looks like."""
    text = value or ""
    if looks_secret(name, text) or _SHAPES.search(text):
        return True
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").replace(".", "_").upper()
    if not _WORDS.search(words) or _ABOUT.search(words):
        return False
    return value is None or text == "" or text.lower() not in _PLAIN


def tells_secret(command: Iterable[str]) -> bool:
    """Tell whether a command has a secret in it."""
    text = " ".join(command)
    return bool(_SHAPES.search(text) or _OPTION.search(text) or any(looks_secret("", word) for word in text.split()))
