"""Pulumi's policy SDK, made to decode each message once.

It asks every policy about every resource, decodes the resource again for each, and the whole stack again for each stack policy;
it hands secrets over in clear, and unknowns as proxies that raise. :func:`decode_once` puts one decoder in that place: each
message is turned once into plain values in which unknowns and secrets are marked, and only the policies that read its type are
asked (see ``docs/policies.md`` for what that saves). The SDK's version is pinned, and tests hold the places.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pulumi_policy
from google.protobuf import struct_pb2
from pulumi_policy import policy as sdk_policy

from guardrails.messages import as_it_came, plain_properties
from guardrails.view import type_read_as

if TYPE_CHECKING:
    from guardrails.session import Session

sdk: Any = sdk_policy

READS = "reads"
"""On a policy: the types its rule reads. A policy without it is always asked."""
SESSION = "session"
"""On the first policy: what all of them share."""
_POLICIES = "_PolicyAnalyzerServicer__policies"
"""Where the SDK's service keeps its policies."""


class _Plain(dict[str, Any]):
    """Properties that need no more decoding, and the message they came from."""

    message: struct_pb2.Struct


class Raw(dict[str, Any]):
    """Properties for a repair: as they came, so that secrets, unknowns and assets go back untouched; and plain, to be judged."""

    def __init__(self, properties: Mapping[str, Any], plain: dict[str, Any]) -> None:
        super().__init__(properties)
        self.plain = plain


class _Decoder:
    """Stands where the SDK expects ``google.protobuf.json_format``."""

    def __init__(self) -> None:
        # The messages are kept, so that no two of them ever have the same id.
        self._decoded: dict[int, _Plain] = {}

    def MessageToDict(self, message: struct_pb2.Struct) -> _Plain:  # noqa: N802 - the name the SDK calls
        plain = self._decoded.get(id(message))
        if plain is None:
            plain = _Plain(plain_properties(message))
            plain.message = message
            self._decoded[id(message)] = plain
        return plain


def decode_once() -> None:
    """Replace the SDK's three decoding steps."""
    if isinstance(sdk.json_format, _Decoder):
        return
    deserialize, proxied = sdk.deserialize_properties, sdk.unknown_checking_proxy

    def deserialize_once(props: dict[str, Any], proxy_secrets: bool = False) -> Any:
        if isinstance(props, _Plain):
            return Raw(as_it_came(props.message), props) if proxy_secrets else props
        return deserialize(props, proxy_secrets)

    def leave_plain(props: dict[str, Any]) -> Any:
        return props if isinstance(props, (_Plain, Raw)) else proxied(props)

    sdk.json_format = _Decoder()
    sdk.deserialize_properties = deserialize_once
    sdk.unknown_checking_proxy = leave_plain
    sdk._PolicyAnalyzerServicer = _service(sdk._PolicyAnalyzerServicer)


def _service(base: Any) -> Any:
    """Return the SDK's service, which asks only the policies that read a message's types, and takes a stack apart
    once."""

    class PackService(base):  # type: ignore[misc]  # the base is the SDK's, known when it runs
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._asked: dict[frozenset[str], list[Any]] = {}
            """The policies that read one of some types, looked up once."""

        def _session(self) -> Session:
            found: Session = getattr(getattr(self, _POLICIES)[0], SESSION)
            return found

        def _asking(self, types: set[str]) -> Any:
            """Return a service of the policies that read one of the types; several messages are answered at the same
            time."""
            asked = self._asked.get(key := frozenset(types))
            if asked is None:
                asked = self._asked[key] = [
                    policy
                    for policy in getattr(self, _POLICIES)
                    if not hasattr(policy, READS) or not types.isdisjoint(getattr(policy, READS))
                ]
            narrowed = copy.copy(self)
            setattr(narrowed, _POLICIES, asked)
            return narrowed

        def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
            answer = super().Configure(request, context)
            policies = getattr(self, _POLICIES)
            disabled = pulumi_policy.EnforcementLevel.DISABLED
            self._session().configure(
                {policy.name: self._get_policy_config(policy.name) or {} for policy in policies},
                {policy.name for policy in policies if self._get_enforcement_level(policy) == disabled},
            )
            return answer

        def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
            properties = sdk.json_format.MessageToDict(request.properties)
            resource = self._session().take_resource(request.urn, properties, request.options.parent)
            return base.Analyze(self._asking(resource.types), request, context)

        def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
            stack = self._session().take_stack(request.resources)
            return base.AnalyzeStack(self._asking(stack.types), type(request)(), context)

        def Remediate(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
            asked = self._asking({type_read_as(request.urn)})
            repair = pulumi_policy.EnforcementLevel.REMEDIATE
            if not any(self._get_enforcement_level(policy) == repair for policy in getattr(asked, _POLICIES)):
                return sdk.proto.RemediateResponse()
            return base.Remediate(asked, request, context)

    return PackService
