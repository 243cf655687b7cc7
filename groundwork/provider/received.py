"""What a program gave, as it comes over the wire: plain values, secrets, and what is not known yet.

The SDK's own reading makes outputs of all that is secret or depends on something. Settings decide what is built, so that each must be
known where it stands, and a mistake in one names its place. The format of outputs and secrets:
https://pulumi-developer-docs.readthedocs.io/latest/developer-docs/providers/implementers-guide.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime import rpc

from groundwork.settings.base import Sealed
from groundwork.settings.mistakes import Mistake, Path


@dataclass
class Received:
    """The settings of one request, and what in them cannot be one."""

    mistakes: list[Mistake] = field(default_factory=list)

    def value(self, value: Any, path: Path = ()) -> Any:
        """Return a protobuf value as plain data, with :class:`Sealed` for each text that is secret."""
        kind = value.WhichOneof("kind")
        if kind == "struct_value":
            fields = value.struct_value.fields
            if rpc._special_sig_key in fields:
                return self._special(fields, path)
            return {key: self.value(fields[key], (*path, key)) for key in fields}
        if kind == "list_value":
            return [self.value(item, (*path, index)) for index, item in enumerate(value.list_value.values)]
        if kind == "number_value":
            number: float = value.number_value
            return int(number) if number.is_integer() else number
        if kind == "string_value" and value.string_value == rpc.UNKNOWN:
            return self._refuse(path, _UNKNOWN)
        return getattr(value, kind) if kind in ("string_value", "bool_value") else None

    def _special(self, fields: Any, path: Path) -> Any:
        signature = fields[rpc._special_sig_key].string_value
        if signature not in (rpc._special_secret_sig, rpc._special_output_value_sig):
            return self._refuse(
                path, "is a resource, an asset or an archive, and a setting is plain data; give its id or name"
            )
        secret = signature == rpc._special_secret_sig or ("secret" in fields and fields["secret"].bool_value)
        known = "value" in fields and fields["value"].string_value != rpc.UNKNOWN
        if not secret:
            return self.value(fields["value"], path) if known else self._refuse(path, _UNKNOWN)
        if not known:
            return Sealed()
        return (
            Sealed(fields["value"].string_value)
            if fields["value"].HasField("string_value")
            else self._refuse(path, _WHOLE)
        )

    def _refuse(self, path: Path, message: str) -> None:
        self.mistakes.append(Mistake(path, message))


_UNKNOWN = (
    "is not known before the update, and settings decide what is built; give it as a value, or make what it comes from in a "
    "stack of its own (a stack reference)"
)
_WHOLE = "is secret as a whole, so that nobody can review it; make single texts secret: pulumi.secret(…), config.requireSecret(…)"
