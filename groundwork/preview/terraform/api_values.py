"""Values that AWS's own API model lists, for judging what an older provider does not know yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

_ALLOWED = re.compile(r"one of:? \[([^\]]*)\]")
_QUOTED = re.compile(r'"([^"]*)"')

_SERVICES: Mapping[str, str] = {
    "alb": "elbv2",
    "cfg": "config",
    "cloudwatch": "logs",
    "costexplorer": "ce",
    "ebs": "ec2",
    "lb": "elbv2",
    "vpc": "ec2",
}
"""Where the API's name is not the module's."""


def api_lists(token: str, message: str, value: str) -> bool:
    """Tell whether AWS's API has an enumeration that holds every value the provider's message allows, and ``value``
    too."""
    listed = _ALLOWED.search(message)
    allowed = frozenset(_QUOTED.findall(listed.group(1))) if listed else frozenset()
    module = token.split("/", maxsplit=1)[0].removeprefix("aws:")
    return bool(allowed) and any(allowed | {value} <= values for values in _enumerations(module))


@cache
def _enumerations(module: str) -> tuple[frozenset[str], ...]:
    return tuple(_of_service(_SERVICES.get(module, module)))


def _of_service(service: str) -> Iterator[frozenset[str]]:
    try:
        model = Loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return
    for shape in model["shapes"].values():
        if "enum" in shape:
            yield frozenset(shape["enum"])
