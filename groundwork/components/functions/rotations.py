"""Every secret that rotates, and Groundwork's own functions that change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from groundwork.components.access import Grant
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.data.database import Database
from groundwork.components.data.settings import DataSettings
from groundwork.components.functions.function import Function
from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.secrets.checks import DATABASE_ROTATOR, KEY_ROTATOR
from groundwork.components.secrets.rotation import Rotation, changing
from groundwork.components.secrets.secret import Secret
from groundwork.components.secrets.settings import SecretSettings

Make = Callable[[str, FunctionSettings, Mapping[str, Grant]], Function]
"""Builds a function from its key, its settings and its grants."""

GRANT = "secrets.rotation"
"""What the grant is called among those of a function; nothing in a stack file can have this name."""

_KEYS = FunctionSettings(code="functions/rotate_keys", timeout=30)
_DATABASE = FunctionSettings(code="functions/rotate_database", timeout=120)


def rotated_by(settings: Mapping[str, SecretSettings], secrets: Mapping[str, Secret]) -> dict[str, dict[str, Secret]]:
    """Map each function to the secrets that it rotates, by name; Groundwork's own for signing keys is among them."""
    found: dict[str, dict[str, Secret]] = {}
    for name, secret in settings.items():
        if secret.rotation:
            found.setdefault(secret.rotation.function or KEY_ROTATOR, {})[name] = secrets[name]
    return found


def changing_all(secrets: Mapping[str, Secret], context: Context) -> Grant:
    """Grant a function rotation of these secrets."""
    return changing({name: secret.arn for name, secret in secrets.items()}, context)


def rotate_secrets(
    parent: Component,
    settings: Mapping[str, SecretSettings],
    secrets: Mapping[str, Secret],
    *,
    functions: Mapping[str, Function],
    make: Make,
) -> None:
    """Create the schedule of each secret, and the function that renews signing keys where one has any."""
    for function, changed in rotated_by(settings, secrets).items():
        rotator = functions.get(function) or make(KEY_ROTATOR, _KEYS, {GRANT: changing_all(changed, parent.context)})
        for name, secret in changed.items():
            rotation = settings[name].rotation
            if rotation:
                Rotation(
                    f"{parent.name}-{name}-rotation",
                    rotation.days,
                    context=parent.context,
                    secret_arn=secret.arn,
                    function=rotator,
                    # Its first version, where Groundwork writes one.
                    after=[secret],
                    opts=parent.child(),
                )


def rotate_database(parent: Component, settings: DataSettings, database: Database, *, make: Make) -> None:
    """Rotate the database's logins. The services' login changes at once, so that they never need the administrator's;
    that one changes when it is due."""
    if not settings.rotation_days:
        return
    rotator = make(DATABASE_ROTATOR, _DATABASE, {"database": database.rotation()})
    for key, arn in database.rotated.items():
        Rotation(
            f"{parent.name}-database-{key}-rotation",
            settings.rotation_days,
            context=parent.context,
            secret_arn=arn,
            function=rotator,
            at_once=key == "credentials",
            after=[database],
            opts=parent.child(),
        )
