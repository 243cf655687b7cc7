"""``groundwork recover``: what is done when something is lost, said before it has to be done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.stack_name import StackName


def recover(
    stack: StackName,
    *,
    template_file: Annotated[
        Path | None,
        Option("--template", metavar="FILE", help="Write what the account of `recovery.account` needs once."),
    ] = None,
) -> None:
    """Write the CloudFormation template with which another account keeps copies of a stack. No account is asked."""
    if template_file is None:
        raise console.InputError("say where the template goes: --template FILE")
    _write_template(stack, template_file)


def _write_template(stack: str, file: Path) -> None:
    from groundwork.operations.recovery.account import stack_name, text
    from groundwork.settings.loading import find_stack, load_stack

    found = find_stack(stack)
    settings = load_stack(found).settings
    recovery = settings.recovery
    if recovery is None or recovery.account is None:
        raise console.InputError(
            f'{found.label} names no account for copies; say which: groundwork:recovery: {{region: …, account: "123456789012"}}'
        )
    console.write_file(file, text(settings, recovery))
    print(f"{file} is written. Whoever looks after {recovery.account} deploys it there, with the stack's account:")
    print(f"  aws cloudformation deploy --region {settings.region} --stack-name {stack_name(settings)} \\")
    print(f"    --template-file {file} --parameter-overrides SourceAccount=…")
    print("Both accounts must be of one AWS Organization, whose management account says once:")
    print("  aws backup update-global-settings --global-settings isCrossAccountBackupEnabled=true")
