"""Handlers as Lambda runs them: each folder by itself, with AWS pretended in this process."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
import redis
from moto import mock_aws

from tests.functions import servers

FUNCTIONS = Path(__file__).parents[2] / "groundwork" / "functions"
REGION = "ap-southeast-1"


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": REGION}
BUCKETS = {"UPLOADS_BUCKET": "shop-uploads-1234567", "MEDIA_BUCKET": "shop-media-1234567"}


@pytest.fixture(scope="session")
def client() -> Any:
    """One for all tests: making it takes longer than most of them."""
    return boto3.client("s3", region_name=REGION, aws_access_key_id="none", aws_secret_access_key="none")


@pytest.fixture
def aws(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 with two empty, versioned buckets."""
    for name, value in {**CREDENTIALS, **BUCKETS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        for bucket in BUCKETS.values():
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def load(client: Any) -> Callable[..., ModuleType]:
    """A fresh handler module, as in a new copy of the function; with ``own_client`` it makes its client itself."""

    def fresh(folder: str, *, own_client: bool = False) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"handler_of_{folder}", FUNCTIONS / folder / "handler.py")
        assert spec is not None
        assert spec.loader is not None
        # A new copy has none of what another one's modules keep.
        for shared in (FUNCTIONS / "shared").glob("*.py"):
            sys.modules.pop(shared.stem, None)
        module = importlib.util.module_from_spec(spec)
        # Data classes look their module up while they are made.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        if not own_client:
            module.__dict__["_s3"] = lambda: client
        return module

    return fresh


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Server]:
    """A Redis over TLS that asks for a login."""
    if servers.redis_program() is None:
        pytest.skip("there is no redis-server on this machine: apt-get install redis-server")
    with servers.redis_server() as server:
        yield server


@pytest.fixture
def cache(redis_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty cache with the environment that ``uses: {cache: connect}`` gives, and a client of the test's own."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    # A connection trusts its own authority alone; reading this machine's takes longer than everything else about it.
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    with (
        mock_aws(),
        redis.Redis(
            host="localhost",
            port=redis_server.port,
            username=servers.REDIS_USER,
            password=servers.REDIS_PASSWORD,
            ssl=True,
            ssl_ca_certs=str(redis_server.authority),
            decode_responses=True,
        ) as client,
    ):
        client.flushall()
        login = {"password": servers.REDIS_PASSWORD}
        kept = boto3.client("secretsmanager").create_secret(Name="shop/prod/cache", SecretString=json.dumps(login))
        for name, value in {
            "CACHE_HOST": "localhost",
            "CACHE_PORT": str(redis_server.port),
            "CACHE_TLS": "true",
            "CACHE_MODE": "single",
            "CACHE_AUTHENTICATION": "password",
            "CACHE_USERNAME": servers.REDIS_USER,
            "CACHE_PASSWORD_SECRET": f"{kept['ARN']}:password::",
            "CACHE_CA_FILE": str(redis_server.authority),
        }.items():
            monkeypatch.setenv(name, value)
        yield client


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Server]:
    """A PostgreSQL over TLS with an administrator such as RDS makes."""
    if servers.postgres_programs() is None:
        pytest.skip("there is no PostgreSQL on this machine: apt-get install postgresql")
    with servers.postgres_server() as server:
        yield server
