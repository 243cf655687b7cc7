"""First previews, judged by the real AWS provider; `make verify-all` has every stack judged with all known."""

from __future__ import annotations

import pytest

from groundwork.preview.terraform.render import render_verification
from groundwork.preview.terraform.verify import verify
from tests.stacks import snapshot_of


@pytest.mark.usefixtures("terraform")
def test_a_first_preview_has_no_error_of_the_providers() -> None:
    """With unknowns there is less to judge, so one stack is enough to show that unknowns themselves are no error."""
    verification = verify(snapshot_of("prod", unknowns=True))

    assert verification.ok, "\n".join(render_verification(verification))
