"""Functions and rotations on a whole platform: what a stack file says, wired."""

import datetime
import json
import re
from functools import cache

import pytest
import yaml

from groundwork.components.checks import check
from groundwork.components.functions.artefacts import SHIPPED
from groundwork.components.platform.platform import Platform
from groundwork.components.settings import Settings
from groundwork.preview.verdicts import judge
from tests.harness import build
from tests.stacks import ROOT

PAGES = ROOT / "docs" / "components"
STACK = {
    "region": "us-west-2",
    "platform": {"name": "shop", "stage": "prod", "domain": "shop.example.com"},
    "network": {"zones": 2, "nat": "single"},
    "data": {"class": "db.t4g.medium", "rotation_days": 30, "replicas": {"reader": {}}, "deletion_protection": True},
    "cache": {"replicas": 1},
    "search": {"class": "t3.small.search"},
    "messaging": {
        "queues": {
            "notifications": {"visibility": 180, "retention_days": 14},
            "search-indexing": {"visibility": 60, "retention_days": 14},
            "analytics.fifo": {},
        },
        "topics": {
            "events": {
                "subscriptions": {
                    "watch": {"function": "cache-invalidator", "filter": {"kind": ["user", "post"]}},
                    "index": {"queue": "search-indexing", "filter": {"kind": ["post"]}},
                    "team": {"email": "team@example.com"},
                }
            },
            "user-updates": {
                "subscriptions": {"index": {"function": "search-indexer"}, "forget": {"function": "cache-invalidator"}}
            },
        },
        "push": {"android": {"service_account": {"secure": "v1:x"}}},
    },
    "functions": {
        "notification-processor": {
            "code": "functions/notification_processor",
            "trigger": {"queue": "notifications"},
            "uses": {"push": "send", "cache": "connect"},
        },
        "search-indexer": {"code": "functions/search_indexer", "uses": {"search": "write"}},
        "cache-invalidator": {
            "code": "functions/cache_invalidator",
            "environment": {"KEYS": "user:{id}"},
            "uses": {"cache": "connect"},
        },
        "rotate-partner": {"code": "functions/rotate_keys"},
    },
    "secrets": {
        "jwt-secrets": {"keys": ["JWT_SECRET"], "rotation": {"days": 90, "signing_keys": ["JWT_SECRET"]}},
        "partner": {"keys": ["TOKEN"], "rotation": {"days": 10, "function": "rotate-partner"}},
        "api-keys": {"keys": ["MAIL_KEY"]},
    },
}


@cache
def stack(unknowns=False):
    settings = Settings.model_validate(STACK)
    return build(lambda context: Platform("shop", settings), unknowns=unknowns, region="us-west-2")


def _of(kind):
    return {item.name: item for item in stack().resources if item.custom and item.type.endswith(f":{kind}")}


def _function(key):
    return next(item for name, item in _of("Function").items() if name.startswith(f"shop-{key}"))


def _allowed(key):
    policy = _of("RolePolicy")[f"shop-{key}-role"]
    return {item["Sid"]: item for item in json.loads(policy.inputs["policy"])["Statement"]}


def _secret(path):
    return next(item.outputs["arn"] for item in _of("Secret").values() if item.inputs["name"] == path)


def test_the_stack_holds_no_mistake():
    """S1-11, S1-12, S1-13, S1-16"""
    assert check(Settings.model_validate(STACK)) == []


def test_each_secret_rotates_as_it_is_asked():
    """S1-16"""
    found = {
        item.inputs["secretId"]: (
            item.inputs["rotationRules"]["automaticallyAfterDays"],
            item.inputs["rotationLambdaArn"],
            item.inputs["rotateImmediately"],
        )
        for item in _of("SecretRotation").values()
    }
    database = _function("database-rotation").outputs["arn"]
    assert found == {
        _secret("shop/prod/database"): (30, database, True),
        _secret("shop/prod/database-administrator"): (30, database, False),
        _secret("shop/prod/jwt-secrets"): (90, _function("key-rotation").outputs["arn"], False),
        _secret("shop/prod/partner"): (10, _function("rotate-partner").outputs["arn"], False),
    }


def test_each_rotating_function_changes_its_own_secrets_and_no_other():
    """S1-16, S1-17"""
    assert _allowed("key-rotation")["Rotate"]["Resource"] == [_secret("shop/prod/jwt-secrets")]
    assert _allowed("rotate-partner")["Rotate"]["Resource"] == [_secret("shop/prod/partner")]
    assert sorted(_allowed("database-rotation")["Rotate"]["Resource"]) == sorted(
        [_secret("shop/prod/database"), _secret("shop/prod/database-administrator")]
    )
    assert "Rotate" not in _allowed("search-indexer")


def test_the_database_is_there_before_its_first_rotation():
    rotation = _of("SecretRotation")["shop-database-credentials-rotation-schedule"]
    assert _of("Instance")["shop-database-primary"].urn in rotation.dependencies
    assert _of("SecretVersion")["shop-database-credentials"].urn in rotation.dependencies


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("notification-processor", {"cache": 6379}),
        ("search-indexer", {"search": 443}),
        ("cache-invalidator", {"cache": 6379}),
        ("database-rotation", {"database": 5432}),
    ],
)
def test_a_function_stands_in_the_network_where_it_uses_something_there(key, place):
    """S1-13"""
    assert _function(key).inputs["vpcConfig"]["securityGroupIds"] == [
        _of("SecurityGroup")[f"shop-{key}-function"].outputs["id"]
    ]
    for used, port in place.items():
        for side in ("SecurityGroupIngressRule", "SecurityGroupEgressRule"):
            assert _of(side)[f"shop-{key}-function-{used}"].inputs["toPort"] == port


@pytest.mark.parametrize("key", ["key-rotation", "rotate-partner"])
def test_a_function_that_uses_nothing_there_stays_outside(key):
    """S1-13"""
    assert _function(key).inputs.get("vpcConfig") is None


def test_each_handler_finds_what_it_reads_in_its_environment():
    """S1-13"""
    wanted = {
        "notification-processor": {"PUSH_ANDROID_ARN", "CACHE_HOST", "CACHE_PORT", "CACHE_MODE", "CACHE_AUTHENTICATION", "CACHE_USERNAME", "CACHE_PASSWORD_SECRET"},
        "search-indexer": {"SEARCH_ENDPOINT", "SEARCH_REGION"},
        "cache-invalidator": {"KEYS", "CACHE_HOST", "CACHE_PORT", "CACHE_MODE", "CACHE_AUTHENTICATION", "CACHE_USERNAME", "CACHE_PASSWORD_SECRET"},
        "database-rotation": {"DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_READER_HOST", "DATABASE_READER_HOSTS", "DATABASE_READER_SSLMODE", "ADMINISTRATOR_SECRET_ARN"},
    }  # fmt: skip
    for key, names in wanted.items():
        assert names <= set(_function(key).inputs["environment"]["variables"]), key


def test_search_is_written_and_phones_are_reached_with_exactly_that():
    """S1-13, S1-17"""
    assert _allowed("search-indexer")["SearchWrite"]["Resource"][0].endswith("/*")
    assert "PushSend" in _allowed("notification-processor")
    assert "PushSend" not in _allowed("cache-invalidator")


def test_topics_reach_functions_queue_and_mail_with_their_filters():
    """S1-12"""
    found = {
        name: (item.inputs["protocol"], json.loads(item.inputs.get("filterPolicy") or "{}"))
        for name, item in _of("TopicSubscription").items()
        if "-alerts" not in name
    }
    assert found == {
        "shop-events-watch-subscription": ("lambda", {"kind": ["user", "post"]}),
        "shop-events-index-subscription": ("sqs", {"kind": ["post"]}),
        "shop-events-team-subscription": ("email", {}),
        "shop-user-updates-index-subscription": ("lambda", {}),
        "shop-user-updates-forget-subscription": ("lambda", {}),
    }


def test_queues_wait_keep_and_tell_duplicates_as_asked():
    """S1-11"""
    queues = _of("Queue")
    assert queues["shop-search-indexing-queue"].inputs["visibilityTimeoutSeconds"] == 60
    assert queues["shop-notifications-queue"].inputs["messageRetentionSeconds"] == 14 * 24 * 3600
    analytics = queues["shop-analytics-queue"].inputs
    assert (analytics["fifoQueue"], analytics["contentBasedDeduplication"]) == (True, True)


def test_it_survives_a_first_preview_and_leaves_nothing_unknown():
    assert {item.urn for item in stack(unknowns=True).resources} == {item.urn for item in stack().resources}
    assert '"unknown"' not in stack().dumps()


def test_the_policy_pack_finds_nothing_that_must_change():
    blocking = judge(stack(), datetime.date(2026, 12, 1)).blocking
    assert [(finding.rule.name, finding.resource.name) for finding in blocking] == []


@pytest.mark.parametrize("page", ["functions.md", "secrets.md"])
def test_what_the_pages_show_is_a_stack_file(page):
    text = (PAGES / page).read_text(encoding="utf-8")
    shown = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert shown
    for example in shown:
        for key, layer in yaml.safe_load(example).items():
            name = key.removeprefix("groundwork:")
            given = {**layer, "class": "db.t3.micro"} if name == "data" else layer
            Settings.model_validate({"platform": {"name": "shop"}, name: given})


def test_every_function_of_ours_is_on_its_page():
    text = (PAGES / "functions.md").read_text(encoding="utf-8") + (PAGES / "secrets.md").read_text(encoding="utf-8")
    folders = sorted(handler.parent.name for handler in (SHIPPED / "functions").glob("*/handler.py"))
    assert len(folders) >= 7
    assert [name for name in folders if name not in text] == []
