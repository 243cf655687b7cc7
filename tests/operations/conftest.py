"""What holds for every test of what is done to an account."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from functools import cache
from itertools import count
from types import SimpleNamespace

import boto3
import pytest
from moto.core.utils import method_names_from_class
from moto.kms.utils import generate_private_key


@pytest.fixture(scope="session", autouse=True)
def one_private_key() -> Iterator[None]:
    """Let all keys of the stand-in account share one of RSA: making one takes longer than a test, and nobody decrypts with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.kms.models.generate_private_key", cache(generate_private_key))
        yield


@pytest.fixture(scope="session", autouse=True)
def boto_alone() -> Iterator[None]:
    """Have the stand-in account wait for boto3's calls, and not for those of ``requests`` too, which nothing here makes: a thousand
    patterns for each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.core.models.RESPONSES_METHODS", [])
        yield


@pytest.fixture(scope="session", autouse=True)
def methods_looked_up_once() -> Iterator[None]:
    """Have the stand-in account look through the methods of a service once, and not in every call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.core.responses.method_names_from_class", cache(method_names_from_class))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_session_for_the_same_credentials() -> Iterator[None]:
    """Have commands that are run with the same credentials share a session and its clients, which take longer to make than most
    commands to run."""
    make = boto3.Session

    @cache
    def made(_: frozenset[tuple[str, str]], *words: str, **named: str | None) -> boto3.Session:
        return make(*words, **named)

    def session(*words: str, **named: str | None) -> boto3.Session:
        surroundings = {
            (name, value) for name, value in os.environ.items() if name == "HOME" or name.startswith("AWS_")
        }
        return made(frozenset(surroundings), *words, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "Session", session)
        # Of Amazon's images, which the stand-in account would read anew for each test, none is asked for.
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_two_images_of_one_digest() -> Iterator[None]:
    """Count the images of the stand-in account, which draws the digest of an index from a hundred."""
    numbers = count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.ecr.models.random", SimpleNamespace(randint=lambda *_: next(numbers), uuid4=uuid.uuid4))
        yield
