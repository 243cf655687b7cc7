"""What does not go together in secrets and their rotation."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.functions.artefacts import find
from groundwork.components.settings import Settings
from groundwork.settings.arns import arn_elsewhere
from groundwork.settings.mistakes import Mistake, Path, nearest

KEY_ROTATOR = "key-rotation"
"""What Groundwork calls its own function for signing keys."""
DATABASE_ROTATOR = "database-rotation"
"""And the one for the database's logins."""


def rotating_functions_exist(settings: Settings) -> Iterator[Mistake]:
    for name, secret in settings.secrets.items():
        function = secret.rotation.function if secret.rotation else None
        if function and function not in settings.functions:
            offered = (
                f"there are {', '.join(settings.functions)}"
                if settings.functions
                else "this stack has no function; for keys that Groundwork renews itself say signing_keys"
            )
            yield Mistake(
                ("secrets", name, "rotation", "function"),
                f'there is no function "{function}"; {offered}{nearest(function, settings.functions)}',
            )


def own_functions_keep_their_names(settings: Settings) -> Iterator[Mistake]:
    signing = any(secret.rotation and secret.rotation.signing_keys for secret in settings.secrets.values())
    for name, taken in ((KEY_ROTATOR, signing), (DATABASE_ROTATOR, settings.data and settings.data.rotation_days)):
        if taken and name in settings.functions:
            yield Mistake(
                ("functions", name), "is the name of Groundwork's own function for a rotation; call it another"
            )


def rotating_functions_follow_no_queue(settings: Settings) -> Iterator[Mistake]:
    """Check that no queue triggers a rotating function: it would be called with the queue's messages, not with the
    steps of a rotation."""
    for name, secret in settings.secrets.items():
        function = settings.functions.get(secret.rotation.function or "") if secret.rotation else None
        if function and function.trigger:
            yield Mistake(
                ("secrets", name, "rotation", "function"),
                f"{secret.rotation and secret.rotation.function} works on the queue {function.trigger.queue}; a rotation needs a function of its own",
            )


def rotation_goes_without_a_proxy(settings: Settings) -> Iterator[Mistake]:
    """Check that a database whose logins rotate has no proxy: it knows the logins of its secrets as they are now, and
    would turn away copies with the one before.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-secrets-arns.html
    """
    if settings.data and settings.data.rotation_days and settings.data.proxy:
        yield Mistake(
            ("data", "rotation_days"),
            "does not go with data.proxy, which knows only the newest login and would turn away running copies; "
            "set data.proxy: null, or leave rotation_days out",
        )


def rotations_reach_aws(settings: Settings) -> Iterator[Mistake]:
    """Check that what rotates a secret from inside the network has a way to Secrets Manager."""
    network = settings.network
    if not network or network.nat != "none":
        return
    if "secretsmanager" not in network.endpoints:
        for path in _rotations_in_the_network(settings):
            yield Mistake(
                path,
                'has no way to Secrets Manager: network.nat is "none"; add secretsmanager to network.endpoints, or set nat: single',
            )
    bundle = find("functions/rotate_database", "rds.pem", settings.program)
    if settings.data and settings.data.rotation_days and not bundle:
        yield Mistake(
            ("data", "rotation_days"),
            "cannot fetch the authorities of RDS's certificates: network.nat is \"none\"; put the region's bundle beside the program, as "
            "functions/rotate_database/rds.pem, or set nat: single",
        )


def _rotations_in_the_network(settings: Settings) -> Iterator[Path]:
    if settings.data and settings.data.rotation_days:
        yield ("data", "rotation_days")
    for name, secret in settings.secrets.items():
        function = settings.functions.get(secret.rotation.function or "") if secret.rotation else None
        if function and {"database", "cache", "search"} & set(function.uses):
            yield ("secrets", name, "rotation", "function")


def an_existing_key_is_in_the_region(settings: Settings) -> Iterator[Mistake]:
    key = settings.platform.existing_key
    if key is not None and (found := arn_elsewhere(key, settings.region)):
        yield Mistake(("platform", "existing_key"), f"{found}, and what it encrypts is in {settings.region}")


CHECKS = (
    an_existing_key_is_in_the_region,
    rotating_functions_exist,
    own_functions_keep_their_names,
    rotating_functions_follow_no_queue,
    rotation_goes_without_a_proxy,
    rotations_reach_aws,
)
