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
def lean_account() -> Iterator[None]:
    """Have the stand-in account do once, or not at all, what takes it longer than most tests and what nobody here asks for."""
    with pytest.MonkeyPatch.context() as patch:
        # Its keys share one of RSA: nobody decrypts with it.
        patch.setattr("moto.kms.models.generate_private_key", cache(generate_private_key))
        # It waits for boto3's calls, and not for those of ``requests`` too, which nothing here makes: a thousand patterns for each test.
        patch.setattr("moto.core.models.RESPONSES_METHODS", [])
        # The methods of a service were looked through in every call.
        patch.setattr("moto.core.responses.method_names_from_class", cache(method_names_from_class))
        # Amazon's images were read anew for each test.
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        # It draws the digest of an index from a hundred, so that two images may have one: they are counted.
        numbers = count()
        patch.setattr("moto.ecr.models.random", SimpleNamespace(randint=lambda *_: next(numbers), uuid4=uuid.uuid4))
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
        yield
