"""A stack of each engine, judged by the real AWS provider; `make verify-all` has all of them judged."""

from __future__ import annotations

import pytest

from preview.terraform.render import render_verification
from preview.terraform.verify import verify
from tests.stacks import STACKS, snapshot_of

ENGINES = {
    "fargate": "prod",
    "ec2": "examples/chat-app/prod@launch",
    "ecs-ec2": "examples/ecs-web/dev",
    "eks": "examples/mini-facebook/dev",
}


@pytest.mark.usefixtures("terraform")
@pytest.mark.parametrize("stack", ENGINES.values(), ids=ENGINES.keys())
def test_a_stack_has_no_error_of_the_providers(stack: str) -> None:
    verification = verify(snapshot_of(stack))

    assert verification.ok, "\n".join(render_verification(verification))


@pytest.mark.usefixtures("terraform")
@pytest.mark.parametrize("stack", [stack for stack in STACKS if "/" not in stack])
def test_a_first_preview_has_no_error_of_the_providers(stack: str) -> None:
    """With unknowns there is less to judge, so two stacks are enough to show that unknowns themselves are no error."""
    verification = verify(snapshot_of(stack, unknowns=True))

    assert verification.ok, "\n".join(render_verification(verification))
