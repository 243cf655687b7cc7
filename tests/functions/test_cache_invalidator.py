"""The cache invalidator, as a topic calls it, with a real Redis over TLS."""

import json

import boto3
import pytest
import redis

from tests.requirements import proves


@pytest.fixture
def handler(cache, load, monkeypatch):
    monkeypatch.setenv("KEYS", "user:{id},profile:{user.name}")
    return load("cache_invalidator")


def event(*messages):
    return {
        "Records": [{"Sns": {"MessageId": str(key), "Message": json.dumps(item)}} for key, item in enumerate(messages)]
    }


MIRA = {"id": 7, "user": {"name": "mira"}}


@proves("S1-13")
def test_what_changed_is_forgotten_and_nothing_else(handler, cache):
    """S1-12, S1-13"""
    cache.mset({"user:7": "old", "profile:mira": "old", "user:70": "stays"})
    handler.handle(event(MIRA), None)
    assert cache.keys() == ["user:70"]


@proves("S1-13")
def test_the_same_message_twice_does_no_harm(handler, cache):
    """S1-13"""
    cache.mset({"user:7": "old", "user:8": "stays"})
    handler.handle(event(MIRA, MIRA), None)
    handler.handle(event(MIRA), None)
    assert cache.keys() == ["user:8"]


def test_every_key_of_a_pattern_goes_without_stopping_the_server(handler, cache, monkeypatch):
    monkeypatch.setattr(handler, "BATCH", 10)
    monkeypatch.setenv("PATTERNS", "feed:{id}:*")
    cache.mset({f"feed:7:{number}": "x" for number in range(45)})
    cache.set("feed:70:1", "stays")
    cache.config_resetstat()
    handler.handle(event(MIRA), None)
    assert cache.keys() == ["feed:70:1"]
    asked = cache.info("commandstats")
    assert "cmdstat_scan" in asked
    assert {"cmdstat_keys", "cmdstat_del", "cmdstat_flushall"} & set(asked) <= {"cmdstat_keys"}
    assert asked["cmdstat_unlink"]["calls"] == 47


def test_a_value_cannot_widen_a_pattern(handler, cache, monkeypatch):
    monkeypatch.setenv("KEYS", "")
    monkeypatch.setenv("PATTERNS", "feed:{id}:*")
    cache.mset({"feed:7:1": "stays", "feed:*:1": "goes", "feed:[7]:1": "stays"})
    handler.handle(event({"id": "*"}), None)
    assert sorted(cache.keys()) == ["feed:7:1", "feed:[7]:1"]


@pytest.mark.parametrize("message", [{}, {"id": 7}, {"id": 7, "user": "mira"}, {"id": True, "user": {"name": "m"}}, {"id": "", "user": {"name": "m"}}, [7]])  # fmt: skip
def test_a_message_that_does_not_say_what_changed_fails_and_forgets_nothing(handler, cache, message):
    cache.mset({"user:7": "stays", "profile:mira": "stays"})
    with pytest.raises(handler.Malformed):
        handler.handle(event(message), None)
    assert len(cache.keys()) == 2


@pytest.mark.parametrize("pattern", ["*", "?*", "{id}*", "[a]*"])
def test_a_pattern_that_could_match_everything_is_refused(handler, monkeypatch, pattern):
    monkeypatch.setenv("PATTERNS", pattern)
    with pytest.raises(ValueError, match="whole cache"):
        handler.handle(event(MIRA), None)


def test_settings_that_forget_nothing_fail_loudly(handler, monkeypatch):
    monkeypatch.delenv("KEYS")
    with pytest.raises(ValueError, match="neither KEYS nor PATTERNS"):
        handler.handle(event(MIRA), None)


def test_a_new_password_is_read_when_the_old_one_fails(handler, cache):
    secrets = boto3.client("secretsmanager")
    password = json.loads(secrets.get_secret_value(SecretId="shop/prod/cache")["SecretString"])["password"]
    secrets.put_secret_value(SecretId="shop/prod/cache", SecretString=json.dumps({"password": "of yesterday"}))
    client = handler.connection(handler.TIMEOUT, handler.RETRIES)
    secrets.put_secret_value(SecretId="shop/prod/cache", SecretString=json.dumps({"password": password}))
    cache.set("user:7", "old")
    handler.handle(event(MIRA), None)
    assert cache.keys() == []
    assert handler.connection(handler.TIMEOUT, handler.RETRIES) is not client


def test_a_server_that_nobody_trusts_is_told_nothing(handler, cache, monkeypatch):
    monkeypatch.delenv("CACHE_CA_FILE")
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        handler.handle(event(MIRA), None)


def test_a_login_that_it_does_not_know_is_said_so(handler, monkeypatch):
    monkeypatch.setenv("CACHE_AUTHENTICATION", "iam")
    with pytest.raises(ValueError, match="logs in with a password"):
        handler.handle(event(MIRA), None)
