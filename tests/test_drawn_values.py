"""C-08: nothing that is drawn at random is drawn again for what stands, whichever step a stack takes."""

from __future__ import annotations

from typing import Any

import pytest

from groundwork.preview import computed_values, monitor
from tests.requirements import proves
from tests.stacks import run

DRAW = "aws:secretsmanager/getRandomPassword:getRandomPassword"


class State:
    """What the engine knows of a stack: the inputs of each resource, in clear, and what ``ignoreChanges`` makes of them in the
    next update: https://www.pulumi.com/docs/iac/concepts/resources/options/ignorechanges/"""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.before: dict[str, Any] = {}
        self.now: dict[str, Any] = {}
        self.drawn = ""
        register = monitor.RecordingMonitor.RegisterResource
        invoke = computed_values.ComputedValues.for_invoke

        def remembering(recording: Any, request: Any) -> Any:
            urn = recording.make_urn(request.parent, request.type, request.name)
            for prop in request.ignoreChanges if urn in self.before else ():
                if prop in self.before[urn].fields:
                    request.object.fields[prop].CopyFrom(self.before[urn].fields[prop])
            answer = register(recording, request)
            self.now[urn] = type(request.object)()
            self.now[urn].CopyFrom(request.object)
            return answer

        def drawing(values: Any, token: str, arguments: Any, type_: Any = None) -> Any:
            answer = invoke(values, token, arguments, type_)
            return {**answer, "randomPassword": self.drawn} if token == DRAW else answer

        patch.setattr(monitor.RecordingMonitor, "RegisterResource", remembering)
        patch.setattr(computed_values.ComputedValues, "for_invoke", drawing)

    def update(self, stack: str, drawn: str) -> None:
        """Run the program of a stack in which random values come out as ``drawn``."""
        self.before, self.now, self.drawn = self.now, {}, drawn
        run(stack)

    def with_text(self, text: str) -> set[str]:
        return {urn for urn, inputs in self.now.items() if text in str(inputs)}


SHOP, CHAT = "examples/storefront/prod", "examples/chat-app/prod"


@pytest.mark.parametrize(
    ("before", "after", "draws"),
    [
        (f"{SHOP}@growth", f"{SHOP}@millions", 3),
        (f"{CHAT}@launch", f"{CHAT}@growth", 3),
        ("examples/mini-facebook/prod", "examples/mini-facebook/prod@millions", 4),
    ],
    ids=["storefront", "chat-app", "mini-facebook, whose secrets rotate"],
)
@proves("C-08", "S1-16")
def test_a_step_draws_no_password_anew_for_what_stands(
    before: str, after: str, draws: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(monkeypatch)
    state.update(before, "drawn-at-first")
    drawn = state.with_text("drawn-at-first")
    assert len(drawn) >= draws
    state.update(after, "drawn-again")
    assert state.with_text("drawn-again") & set(state.before) == set()
    versions = {urn for urn in drawn & set(state.now) if "secretVersion:SecretVersion" in urn}
    assert versions
    assert state.with_text("drawn-at-first") >= versions
