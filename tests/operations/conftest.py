"""What holds for every test of what is done to an account."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from moto.kms.utils import generate_private_key


@pytest.fixture(scope="session", autouse=True)
def one_private_key() -> Iterator[None]:
    """Let all keys of the stand-in account share one of RSA: making one takes longer than a test, and nobody decrypts with it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.kms.models.generate_private_key", cache(generate_private_key))
        yield
