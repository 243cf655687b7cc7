"""Handlers as Lambda runs them: each folder by itself, with AWS pretended in this process."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

FUNCTIONS = Path(__file__).parents[2] / "functions"
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
        module = importlib.util.module_from_spec(spec)
        # Data classes look their module up while they are made.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        if not own_client:
            module.__dict__["_s3"] = lambda: client
        return module

    return fresh
