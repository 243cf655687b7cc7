"""Plausible values for what only AWS can know: ids, ARNs, endpoints. One table, the files of ``computed/``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from groundwork.preview import policy_document
from groundwork.preview.guesses import Guesses
from groundwork.preview.snapshot import holds_unknown, to_marker
from groundwork.settings.data_file import SAFE_LOADER, read_data
from groundwork.settings.facts import partition_of

_TABLE = Path(__file__).with_name("computed")
EXAMPLE_ACCOUNT = "111122223333"
"""The account id that AWS's documentation uses in its examples."""

_PARAMETERS_BY_PATH = "aws:ssm/getParametersByPath:getParametersByPath"


def _decoded(args: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the objects of a manifest, as the Kubernetes provider decodes it."""
    yield from (found for found in yaml.load_all(str(args.get("text", "")), SAFE_LOADER) if found is not None)


_RENDERED: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Any]]] = {
    "kubernetes:yaml:decode": _decoded,
    # Nothing renders charts and overlays here: their components have no parts, and are told as not judged.
    "kubernetes:helm:template": lambda _: iter(()),
    "kubernetes:kustomize:directory": lambda _: iter(()),
}
_PLACEHOLDER = re.compile(r"\{([a-zA-Z]+)(?::(\d+))?\}")


class UnknownInvokeError(LookupError):
    """The program calls a provider function that the table has no answer for."""


class ComputedValues:
    """Answers for one stack: the region and account go into ARNs, a hash of the URN into ids. ``parameters`` is what
    Parameter Store holds before the program runs, by name."""

    def __init__(
        self, region: str, account: str = EXAMPLE_ACCOUNT, parameters: Mapping[str, str] | None = None
    ) -> None:
        self._region = region
        self._account = account
        self._parameters = parameters or {}
        self._partition = partition_of(region)

    def for_resource(
        self, token: str, name: str, urn: str, inputs: Mapping[str, Any], identifier: str = ""
    ) -> dict[str, Any]:
        """Return the computed properties of a resource, ``id`` among them; inputs that the program gave are left alone.
        Of an object that it gave, the answer has what AWS adds. A resource that is only read has its ``identifier``
        already."""
        row = _table()["resources"].get(token, {})
        scope = self._scope(token, name, urn, inputs)
        if identifier:
            # Of most things the id is the name, or stands in the ARN where the name of others does.
            scope |= {"autoname": identifier, "name": identifier}
        values: dict[str, Any] = {}
        for prop, template in {**row, "id": identifier or row.get("id", "{name}")}.items():
            given = inputs.get(prop)
            if given is not None and prop != "id":
                missing = _missing(template, given)
                if missing:
                    values[prop] = _fill(missing, scope)
                continue
            values[prop] = _fill(template, scope)
            if isinstance(values[prop], str):
                scope[prop] = values[prop]
        return values

    def for_invoke(self, token: str, args: Mapping[str, Any], type_: Any = None) -> dict[str, Any]:
        """Return the answer of a provider function, complete and of the types of ``type_``
        (:func:`groundwork.preview.guest.tell_result_types`) where that is given; UnknownInvokeError where nothing is
        known of it."""
        key = token + json.dumps(args, sort_keys=True, default=to_marker)
        guesses = Guesses(token, self._region, self._account, hashlib.sha256(key.encode()).hexdigest())
        if type_ is not None and holds_unknown(args):
            # The SDK sends some of these, though only what it does not send may depend on an unknown.
            return guesses.completed({}, type_)
        if token == policy_document.FUNCTION:
            return policy_document.answer(args)
        if token == _PARAMETERS_BY_PATH:
            return self._parameters_by_path(args)
        if token in _RENDERED:
            return {"result": list(_RENDERED[token](args))}
        row = _table()["invokes"].get(token)
        if row is None and type_ is None:
            raise UnknownInvokeError(
                f"{token} is answered by its provider only. Add a row with the shape of its result to groundwork/preview/computed/, or run "
                "`pulumi preview --json` with credentials and judge that with `groundwork policies check`"
            )
        filled = {**_fill(row or {}, self._scope(token, token, key, args)), **args}
        return guesses.completed(filled, type_)

    def _parameters_by_path(self, args: Mapping[str, Any]) -> dict[str, Any]:
        path = str(args["path"]).rstrip("/")
        below = sorted(name for name in self._parameters if name.startswith(f"{path}/"))
        found = [name for name in below if args.get("recursive") or "/" not in name[len(path) + 1 :]]
        return {
            "id": path,
            "path": path,
            "names": found,
            "values": [self._parameters[name] for name in found],
            "types": ["String"] * len(found),
            "arns": [
                f"arn:{self._partition.name}:ssm:{self._region}:{self._account}:parameter{name}" for name in found
            ],
        }

    def _scope(self, token: str, name: str, urn: str, inputs: Mapping[str, Any]) -> dict[str, str]:
        digest = hashlib.sha256(urn.encode()).hexdigest()
        region = inputs.get("region")
        suffix = ".fifo" if inputs.get("fifoQueue") is True or inputs.get("fifoTopic") is True else ""
        autoname = f"{name}-{digest[:7]}{suffix}"
        return {
            "hex": digest,
            "digits": str(int(digest, 16)),
            "uuid": f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}",
            "account": self._account,
            "partition": self._partition.name,
            "suffix": self._partition.suffix,
            # By name or by ARN: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
            "ecsCluster": str(inputs.get("cluster") or "default").rpartition("/")[2],
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
            "balancer": {"network": "net", "gateway": "gwy"}.get(str(inputs.get("loadBalancerType")), "app"),
            "host": str(inputs.get("url")).removeprefix("https://"),
            "autoname": autoname,
            **{key: value for key, value in inputs.items() if isinstance(value, str)},
            "name": inputs["name"] if isinstance(inputs.get("name"), str) else autoname,
            "region": region if isinstance(region, str) else self._region,
        }


def _missing(template: Any, given: Any) -> dict[str, Any]:
    if not (isinstance(template, Mapping) and isinstance(given, Mapping)):
        return {}
    return {key: value for key, value in template.items() if key not in given}


def _fill(template: Any, scope: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        # The table is written for the partition that most accounts are in.
        text = template.replace("arn:aws:", "arn:{partition}:").replace("amazonaws.com", "{suffix}")
        return _PLACEHOLDER.sub(lambda match: _lookup(match, scope), text)
    if isinstance(template, list):
        return [_fill(item, scope) for item in template]
    if isinstance(template, dict):
        return {key: _fill(value, scope) for key, value in template.items()}
    return template


def _lookup(match: re.Match[str], scope: Mapping[str, str]) -> str:
    key, length = match.groups()
    # An input that is itself unknown or secret has no text; its name stands in, in angle brackets.
    text = scope.get(key, f"<{key}>")
    return text[: int(length)] if length else text


def asks_aws(token: str) -> bool:
    """Tell whether a function of the provider asks AWS; some only write text of what they are given."""
    return token != policy_document.FUNCTION and token not in _RENDERED


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {"resources": {}, "invokes": {}}
    for file in sorted(_TABLE.glob("*.yaml")):
        for section, rows in read_data(file).items():
            repeated = table[section].keys() & rows.keys()
            if repeated:
                raise ValueError(f"{file.name} repeats {', '.join(sorted(repeated))}; one row for each")
            table[section].update(rows)
    return table
