"""First previews, judged by the real AWS provider; `make verify-all` has every stack judged with all known."""

from __future__ import annotations

import pytest

from preview.terraform.render import render_verification
from preview.terraform.verify import verify
from tests.stacks import STACKS, snapshot_of


@pytest.mark.usefixtures("terraform")
@pytest.mark.parametrize("stack", [stack for stack in STACKS if "/" not in stack])
def test_a_first_preview_has_no_error_of_the_providers(stack: str) -> None:
    """With unknowns there is less to judge, so two stacks are enough to show that unknowns themselves are no error."""
    verification = verify(snapshot_of(stack, unknowns=True))

    assert verification.ok, "\n".join(render_verification(verification))
