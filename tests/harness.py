"""Building single components in the offline engine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args

import pulumi

from groundwork.components.context import Alerting, Context, KeyDomain, Logging
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.platform.settings import PlatformSettings
from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Snapshot

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")
_program: Callable[[Context], Any] | None = None

_MAIN = """
import pulumi_aws as aws
from tests import harness
harness.run(harness.context({region!r}, aws.get_caller_identity_output().account_id))
"""
_platform: PlatformSettings | None = None


ACCOUNT = "111122223333"


def key_arn(domain: KeyDomain, region: str = "ap-south-1") -> str:
    """Return the ARN of the key for a kind of data in the context that :func:`build` gives to a program."""
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/{domain}"


def topic_arn(region: str = "ap-south-1") -> str:
    """Return the ARN of the topic for notices in that context."""
    return f"arn:aws:sns:{region}:{ACCOUNT}:alerts"


def context(region: str, account_id: pulumi.Output[str]) -> Context:
    """Return a whole context: keys, log groups kept for 30 days, alarms as they are unless a stack file says otherwise."""
    assert _platform is not None
    known = pulumi.Output.from_input
    return Context(
        _platform,
        region,
        account_id,
        key_arns={domain: known(key_arn(domain, region)) for domain in get_args(KeyDomain)},
        logging=Logging(known(key_arn("logs", region)), 30),
        alerting=Alerting(known(topic_arn(region)), ObservabilitySettings()),
    )


def observed(given: Context, settings: ObservabilitySettings) -> Context:
    """Return a context with other observability settings."""
    return replace(given, alerting=replace(given.alerting, settings=settings))


def run(context: Context) -> None:
    assert _program is not None
    _program(context)


def shared(make: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """Have equal arguments make a snapshot once: half of what a component's tests build is what another of them has built."""
    made: dict[str, _Made] = {}

    @wraps(make)
    def once(*args: _Given.args, **options: _Given.kwargs) -> _Made:
        try:
            key = json.dumps([args, options], sort_keys=True)
        except TypeError:
            # Some argument is no plain data: nobody can tell whether it is equal to another.
            return make(*args, **options)
        if key not in made:
            made[key] = make(*args, **options)
        return made[key]

    return once


def build(
    program: Callable[[Context], Any],
    *,
    unknowns: bool = False,
    stage: str = "prod",
    region: str = "ap-south-1",
    name: str = "shop",
    config: Mapping[str, str] | None = None,
    **platform_settings: Any,
) -> Snapshot:
    """Run ``program`` with a context inside the offline engine and return what it declared; ``config`` is the engine's."""
    global _program, _platform  # noqa: PLW0603 - the program runs in this process and has no other way in
    _program = program
    _platform = PlatformSettings.model_validate({"name": name, "stage": stage, **platform_settings})
    settings = {"platform": json.loads(_platform.model_dump_json(by_alias=True))}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "__main__.py").write_text(_MAIN.format(region=region), encoding="utf-8")
        return run_program(
            Path(folder),
            project="test",
            stack=stage,
            config={"aws:region": region, **(config or {})},
            settings=settings,
            unknowns=unknowns,
            source_root=Path(__file__).parent.parent,
        )
