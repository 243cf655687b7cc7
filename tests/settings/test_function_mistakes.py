"""Functions and what they use: what would fail when they are called is a mistake in the stack file."""

from __future__ import annotations

from typing import Any

import pytest

from settings.checks import messaging
from settings.mistakes import dotted
from settings.models import Settings

FORGET = {"forget": {"code": "functions/cache_invalidator", "uses": {"cache": "connect"}}}
OWN = {"forget": {"code": "functions/cleanup", "uses": {"cache": "connect"}}}
BESIDE = (
    "functions.forget.uses.cache: the cache is beside the services on their instance (cache.placement: instance), where no "
    "function reaches it; let a service do it, or set placement: elasticache"
)
PASSWORD = (
    "functions.forget.uses.cache: functions/cache_invalidator logs in with a password; set cache.authentication: password, "
    "or use code of your own"
)


@pytest.mark.parametrize(
    ("functions", "cache", "expected"),
    [
        (FORGET, {}, []),
        (FORGET, {"placement": "instance"}, [BESIDE]),
        (FORGET, {"authentication": "iam"}, [PASSWORD]),
        (OWN, {"authentication": "iam"}, []),
    ],
)
def test_a_function_that_cannot_log_in_to_the_cache_is_a_mistake(
    functions: dict[str, Any], cache: dict[str, Any], expected: list[str]
) -> None:
    """S1-13"""
    settings = Settings.model_validate(
        {"platform": {"name": "shop"}, "network": {"nat": "single"}, "functions": functions, "cache": cache}
    )
    found = [mistake for check in messaging.CHECKS for mistake in check(settings)]
    assert [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found] == expected
