"""What is no mistake and yet should be known."""

from pathlib import Path
from typing import Any

import pytest

from groundwork.components.settings import Settings
from groundwork.settings.hints import hints

SOMEBODY = {"emails": ["team@example.com"]}


def found(stage: str = "prod", **layers: Any) -> list[str]:
    platform = {"name": "shop", "stage": stage, **layers.pop("platform", {})}
    return list(hints(Settings.model_validate({"region": "eu-central-1", "platform": platform, **layers})))


@pytest.mark.parametrize(
    ("alerts", "heard"),
    [
        ({}, ["prod's alarms reach nobody"]),
        ({"notice": SOMEBODY}, []),
        ({"notice": SOMEBODY, "page": {}}, ["prod's pages reach nobody"]),
        ({"page": SOMEBODY}, ["prod's alarms reach nobody"]),
    ],
)
def test_a_prod_whose_alarms_reach_nobody_is_told_so(alerts: dict[str, Any], heard: list[str]) -> None:
    assert [hint.partition(";")[0] for hint in found(observability={"alerts": alerts})] == heard
    assert found("dev", observability={"alerts": alerts}) == []


def test_a_platform_without_alarms_needs_nobody_to_hear_them() -> None:
    assert found() == []


def test_a_domain_that_is_not_said_to_be_delegated_is_told_with_the_way_there() -> None:
    waiting = {"platform": {"domain": "shop.example.com"}}
    [hint] = found("dev", edge={}, **waiting)
    assert (
        "shop.example.com waits to be delegated, and until then the platform answers at CloudFront's own name" in hint
    )
    assert "pulumi stack output nameServers" in hint
    [public] = found("dev", edge={"load_balancer": {"exposure": "internet"}}, **waiting)
    assert "until then nothing answers yet" in public
    assert found("dev", edge={"zone": {"delegated": True}}, **waiting) == []
    assert found("dev", edge={"zone": {"id": "Z0123456789ABC"}}, **waiting) == []


def test_a_file_of_transforms_that_no_stack_reads_is_told(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.dev.transform.py", "Pulumi.dve.transform.py"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert found("dev", project=tmp_path) == [
        'Pulumi.dve.transform.py changes nothing, since there is no stack dve; did you mean "dev"?'
    ]
