"""Every stack of the repository, judged by the real AWS provider."""

from __future__ import annotations

import pytest

from preview.terraform.render import render_verification
from preview.terraform.verify import verify
from tests.stacks import STACKS, snapshot_of


@pytest.mark.usefixtures("terraform")
@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_no_error_of_the_providers(stack: str, unknowns: bool) -> None:
    verification = verify(snapshot_of(stack, unknowns=unknowns))

    assert verification.ok, "\n".join(render_verification(verification))
