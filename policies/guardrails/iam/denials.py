"""Whether a resource's policy refuses all that it means to refuse, and not only a part of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from guardrails.documents import PolicyDocument, PolicyStatement
from guardrails.iam import services
from guardrails.iam.arns import covers_type, last_part
from guardrails.iam.conditions import surely_applies
from guardrails.iam.identities import covers
from guardrails.iam.patterns import overlap
from guardrails.principals import is_everyone
from guardrails.view import Resource, UndeterminedError


def refuses_plain_http(document: PolicyDocument, resource: Resource, *forms: str) -> bool:
    """Tell whether requests without TLS are refused: to everyone, for all actions on the resource, whatever else they
    say.

    ``forms`` are ARN patterns of the resource and of what is in it, as ``services.txt`` has them. Undetermined where the
    document could not be read as a whole, or names resources and the resource's own name is not known.
    """
    denials = [
        one
        for one in document.statements
        if not one.allows and is_everyone(one) and surely_applies(one.conditions, "aws:SecureTransport", "false")
    ]
    if all(_covers(denials, resource, form) for form in forms):
        return True
    for _ in document:
        pass
    # Whatever the name, denials of some actions only are not enough.
    if not _names(resource) and all(_deny_all(denials, form) for form in forms):
        raise UndeterminedError("arn")
    return False


def _names(resource: Resource) -> set[str]:
    """Return what the last part of the resource's ARN is."""
    return {last_part(name) for name in resource.names}


def _covers(denials: Iterable[PolicyStatement], resource: Resource, form: str) -> bool:
    """Tell whether every action on a form of the resource is denied by a statement that is about all of that form."""
    rest = "/*" if form.endswith("/*") else ""
    names = [name + rest for name in _names(resource) or ("*",)]
    about = [one for one in denials if _is_about(one, names)]
    return _deny_all(about, form)


def _deny_all(denials: Iterable[PolicyStatement], form: str) -> bool:
    """Tell whether the statements together deny every action on a form of the resource."""
    found = list(denials)
    return bool(found) and all(any(covers(one, action) for one in found) for action in _actions(form))


@cache
def _actions(form: str) -> tuple[str, ...]:
    found = services.service(form.split(":")[2])
    return tuple(str(one).lower() for one in found.actions.values() if form in one.types) if found else ()


def _is_about(statement: PolicyStatement, names: list[str]) -> bool:
    """Tell whether a statement is about everything that one of the names, which may end in a wildcard, stands for."""
    if statement.not_resources:
        return not any(overlap(last_part(one), name) for one in statement.not_resources for name in names)
    return any(covers_type(one, name) for one in statement.resources for name in names)
