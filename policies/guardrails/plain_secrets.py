"""Whether a setting that everybody may read holds a secret."""

from __future__ import annotations

from guardrails.rules import Messages
from guardrails.secret_names import is_secret_name, names_another_place, secrets_in
from guardrails.view import Node, Opaque, cannot_read


def plain_secret(name: str, held: Node) -> Messages:
    """Yield a message if the setting of this name is a secret in clear; undetermined where it may be and is not known
    yet."""
    value = held.value
    if value is Opaque.SECRET:
        yield f"{name} is kept secret by the program, and shown here to everybody"
    elif isinstance(value, str) and (words := secrets_in(value)):
        yield f"{name} holds {words[0]}"
    elif is_secret_name(name):
        if value is Opaque.UNKNOWN:
            raise cannot_read(held.path, value)
        if value not in (None, "") and not names_another_place(value) and not str(value).startswith("${"):
            yield f"{name} is a secret, and stands here in clear"
