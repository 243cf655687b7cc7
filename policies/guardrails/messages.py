"""The engine's messages as values: as rules read them, and as they came."""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2
from pulumi.runtime import rpc
from pulumi_policy import proxy

from guardrails.view import Opaque

_UNKNOWNS = frozenset(
    (
        proxy.UNKNOWN_BOOLEAN_VALUE,
        proxy.UNKNOWN_NUMBER_VALUE,
        proxy.UNKNOWN_STRING_VALUE,
        proxy.UNKNOWN_ARRAY_VALUE,
        proxy.UNKNOWN_ASSET_VALUE,
        proxy.UNKNOWN_ARCHIVE_VALUE,
        proxy.UNKNOWN_OBJECT_VALUE,
    )
)


def as_it_came(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Return a message as JSON values, with every mark of the protocol left in."""
    return {key: _json_value(value) for key, value in struct.fields.items()}


def _json_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return as_it_came(value.struct_value)
    if kind == "list_value":
        return [_json_value(item) for item in value.list_value.values]
    return getattr(value, kind) if kind and kind != "null_value" else None


def plain_properties(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Return a message as plain values: whole numbers as ints, unknowns and secrets as :class:`Opaque`."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return Opaque.UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _plain_struct(value.struct_value)
    return None


def _plain_struct(struct: struct_pb2.Struct) -> Any:
    fields = struct.fields
    if rpc._special_sig_key not in fields:
        return plain_properties(struct)
    signature = fields[rpc._special_sig_key].string_value
    if signature == rpc._special_secret_sig:
        return Opaque.SECRET
    if signature == rpc._special_resource_sig:
        return fields["urn"].string_value
    return {key: _plain(item) for key, item in fields.items() if key != rpc._special_sig_key}
