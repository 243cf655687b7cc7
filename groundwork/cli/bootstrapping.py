"""``groundwork bootstrap``: what an account needs once, said first, then made, and taken away again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.cli.operations import DryRun, Yes, confirmed
from groundwork.cli.stack_name import stack_names

if TYPE_CHECKING:
    from groundwork.components.settings import Settings
    from groundwork.operations.account import StackAccount
    from groundwork.operations.bootstrap.pipelines import Pipelines
    from groundwork.operations.bootstrap.stack import BootstrapPlan, RemovalPlan
    from groundwork.operations.bootstrap.template import Foundation
    from groundwork.preview.snapshot import Snapshot


def bootstrap(
    stack: Annotated[
        list[str],
        Argument(metavar="STACK", help="All stacks of one platform in this account.", words=stack_names),
    ],
    *,
    repository: Annotated[
        str | None, Option("--repository", metavar="OWNER/NAME", help="At GitHub, whose jobs are given the roles.")
    ] = None,
    gitlab: Annotated[
        str | None,
        Option("--gitlab", metavar="GROUP/PROJECT", help="At GitLab, whose jobs are given the roles, in its place."),
    ] = None,
    gitlab_host: Annotated[
        str | None, Option("--gitlab-host", metavar="HOST", help="A GitLab of one's own [default: gitlab.com].")
    ] = None,
    branch: Annotated[
        str | None,
        Option("--branch", metavar="NAME", help="GitLab's branch that updates come from [default: main]."),
    ] = None,
    bucket: Annotated[
        str | None,
        Option("--bucket", metavar="NAME", help="The state's bucket, in place of pulumi-state-NAME-ACCOUNT."),
    ] = None,
    template_file: Annotated[
        Path | None,
        Option("--template", metavar="FILE", help="Write the CloudFormation template, and ask no account."),
    ] = None,
    remove: Annotated[
        bool, Option("--remove", help="Take it away again; a bucket that holds state stays, and its key.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Make what an account needs once: a bucket and a key for Pulumi's state, and roles for a pipeline's previews, updates and drift.

    What it would do is said first. It can be run again, and should be when a stack has a new layer: what `pulumi up` may do follows from
    what the stacks build. With --template whoever may not run it hands a file on.
    """
    if remove:
        if repository or gitlab or gitlab_host or branch or template_file or bucket:
            raise console.InputError("--remove takes nothing but stacks; leave the other options out")
        _remove(stack[0], yes=yes, dry_run=dry_run)
        return
    pipelines = _pipelines(repository, gitlab, gitlab_host, branch)
    with console.progress("Running the stacks offline"):
        wanted, settings = _foundation(stack, pipelines, bucket)
    from groundwork.operations.bootstrap.template import template, text
    from groundwork.settings.loading import find_stack

    try:
        whole = template(wanted)
        written = text(whole)
    except ValueError as error:
        raise console.InputError(str(error)) from None
    for line in _notes(wanted, settings):
        console.print_error(line)
    if template_file:
        console.write_file(template_file, f"{written}\n")
        print(f"{template_file} is written. Whoever may deploys it:")
        print(f"  aws cloudformation deploy --stack-name {wanted.named} --template-file {template_file} \\")
        print("    --capabilities CAPABILITY_NAMED_IAM")
        return
    delivering = [find_stack(name).name for name, one in settings if one.delivery]
    _deploy(stack, whole, wanted, delivering, yes=yes, dry_run=dry_run)


def _pipelines(repository: str | None, gitlab: str | None, host: str | None, branch: str | None) -> Pipelines:
    """Return whose jobs are given the roles, from what was entered."""
    from pydantic import ValidationError

    from groundwork.components.delivery.settings import GitHubSettings, GitLabSettings
    from groundwork.operations.bootstrap.pipelines import GitHubPipelines, GitLabPipelines

    if (repository is None) == (gitlab is None):
        raise console.InputError(
            "say whose jobs are given the roles: --repository OWNER/NAME of GitHub, or --gitlab GROUP/PROJECT"
        )
    if repository is not None:
        if host or branch:
            raise console.InputError("--gitlab-host and --branch go with --gitlab; GitHub's roles are for environments")
        try:
            GitHubSettings(repository=repository, environments=("preview",))
        except ValidationError:
            raise console.InputError(f'--repository: "{repository}" is no repository; write it as OWNER/NAME') from None
        return GitHubPipelines(repository)
    named = {"--gitlab": gitlab, "--gitlab-host": host or "gitlab.com", "--branch": branch or "main"}
    try:
        found = GitLabSettings(
            project=str(gitlab), host=named["--gitlab-host"] or "", branches=(named["--branch"] or "",)
        )
    except ValidationError as error:
        fields = {"project": "--gitlab", "host": "--gitlab-host", "branches": "--branch"}
        option = fields[str(error.errors()[0]["loc"][0])]
        wants = {"--gitlab": "GROUP/PROJECT", "--gitlab-host": "gitlab.example.com", "--branch": "main"}[option]
        raise console.InputError(f'{option}: "{named[option]}" cannot be; write it as {wants}') from None
    return GitLabPipelines(found.project, found.host, found.branches[0])


def _deploy(
    names: Sequence[str],
    whole: dict[str, Any],
    wanted: Foundation,
    delivering: Sequence[str],
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    from groundwork.operations.account import open_account
    from groundwork.operations.bootstrap import stack as stacks
    from groundwork.operations.progress import Progress

    accounts = [open_account(name) for name in names]
    found = stacks.plan(accounts[0], whole)
    if not found.changes:
        print(f"{found.stack} is as it should be in {accounts[0].place}.")
        print("\n".join(_next(found.standing.outputs, accounts[0], wanted, delivering)))
        return
    if not confirmed("\n".join(_said(found, wanted)), yes=yes, dry_run=dry_run):
        return
    outputs = stacks.deploy(found, Progress())
    print("\n".join(_next(outputs, accounts[0], wanted, delivering)))


def _foundation(
    names: Sequence[str], pipelines: Pipelines, bucket: str | None
) -> tuple[Foundation, list[tuple[str, Settings]]]:
    """Return what is asked for, from the stacks in each of the phases that their files name."""
    from groundwork.operations.bootstrap.permissions import access
    from groundwork.operations.bootstrap.template import Foundation, boundary_arn
    from groundwork.settings.loading import find_stack, load_stack

    if bucket is not None and not _is_bucket_name(bucket):
        raise console.InputError(
            f'--bucket: "{bucket}" is no name of a bucket; 3 to 63 small letters, digits, dots and hyphens'
        )
    settings = [(name, load_stack(find_stack(name)).settings) for name in names]
    platforms = sorted({one.platform.name for _, one in settings})
    if len(platforms) > 1:
        raise console.InputError(
            f"these are stacks of {' and '.join(platforms)}; each platform has a bucket and roles of its own: run it for each"
        )
    [platform] = platforms
    snapshots = [one for name in names for one in _snapshots(name)]
    derived = access(snapshots, platform, boundary_arn(platform))
    environments = [find_stack(name).name for name in names]
    return Foundation(platform, pipelines, environments, derived, bucket), settings


def _snapshots(name: str) -> Iterator[Snapshot]:
    from groundwork.cli.running import run_stack
    from groundwork.settings.loading import find_stack, phases

    for phase in [None, *phases(find_stack(name))]:
        yield run_stack(name, phase=phase).snapshot


def _is_bucket_name(name: str) -> bool:
    import re

    return bool(re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name))


def _notes(wanted: Foundation, settings: Sequence[tuple[str, Settings]]) -> Iterator[str]:
    """Yield what the stack files must say for the roles to be of use, and what is allowed beyond what is known."""
    from groundwork.operations.bootstrap.template import PATH

    boundary = f"{PATH.strip('/')}/{wanted.named}-boundary"
    for name, one in settings:
        if one.platform.permissions_boundary != boundary:
            yield (
                f"Note: {name} must say groundwork:platform: {{permissions_boundary: {boundary}}}, or its pipeline may create no role"
            )
        if one.delivery and one.delivery.own_provider and wanted.pipelines.issuer in one.delivery.issuers:
            yield (
                f"Note: {name} must say groundwork:delivery: {{own_provider: false}}: {wanted.pipelines.host}'s identity provider is made here"
            )
    for type_ in wanted.access.unlisted:
        yield f"Note: what {type_} takes is not known; the role for pulumi up may do all of its service"


_WORDS = {
    "Key": "key {alias}, rotated each year: state, and the secrets in it",
    "Alias": "the key's name",
    "Bucket": "bucket for state: versions (old ones for 90 days), encrypted, not public",
    "BucketPolicy": "the bucket answers TLS alone",
    "Provider": "{host}'s identity provider, of which an account has one",
    "Boundary": "policy {named}-boundary: what no role of the platform may go beyond",
    "PreviewRole": "role {named}-preview: sees what there is ({Preview})",
    "DriftRole": "role {named}-drift: reads what the state holds ({Drift})",
    "DeployRole": "role {named}-deploy: pulumi up ({Deploy})",
}
_MARKS = {"create": "+", "update": "~", "delete": "-"}


def _words(name: str, wanted: Foundation) -> str:
    from groundwork.operations.bootstrap.pipelines import Kind

    if name not in _WORDS:
        kind, _, number = name.partition("Policy")
        return f"policy {wanted.named}-{kind.lower()}-{number}"
    return _WORDS[name].format(
        alias=wanted.alias,
        named=wanted.named,
        host=wanted.pipelines.host,
        **{kind: wanted.pipelines.jobs(kind, wanted.environments) for kind in get_args(Kind)},
    )


def _said(found: BootstrapPlan, wanted: Foundation) -> Iterator[str]:
    yield f"in {found.account.place}, by the CloudFormation stack {found.stack},"
    yield f"for jobs of {wanted.pipelines.project} at {wanted.pipelines.host}:"
    yield ""
    for action, name in found.changes:
        yield f"  {_MARKS[action]} {_words(name, wanted)}"
    if not found.creates_provider:
        yield f"    {wanted.pipelines.host}'s identity provider is there already, and used"
    yield ""
    yield f"The role {wanted.named}-deploy may, on {wanted.name}'s own where AWS can tell:"
    yield from (f"  {line}" for line in _services(wanted))


def _services(wanted: Foundation) -> Iterator[str]:
    """Yield how many actions of each service an update may do, as wide as a terminal."""
    import textwrap
    from collections import Counter

    changing = [one for one in wanted.access.deploying if one["Effect"] == "Allow"]
    counts = Counter(action.partition(":")[0] for one in changing for action in set(one["Action"]))
    yield from textwrap.wrap(
        ", ".join(f"{service} {count}" for service, count in sorted(counts.items())), 76, break_on_hyphens=False
    )


def _next(outputs: Any, account: StackAccount, wanted: Foundation, delivering: Sequence[str]) -> Iterator[str]:
    """Yield what is entered where, of what was made; ``delivering``: the stacks that have a role of the layer delivery."""
    from groundwork.operations.bootstrap.pipelines import Kind

    region, pipelines, stacks = account.settings.region, wanted.pipelines, wanted.environments
    yield ""
    yield f"Variables of {pipelines.project} at {pipelines.host}; none is a secret. A line sets each:"
    backend = {"PULUMI_BACKEND_URL": f"s3://{outputs['Bucket']}?region={region}", "AWS_REGION": region}
    yield from (f"  {line}" for line in pipelines.setting(backend))
    for kind in get_args(Kind):
        role = {f"AWS_{kind.upper()}_ROLE": outputs[f"{kind}RoleArn"]}
        yield f"For {pipelines.jobs(kind, stacks)}:"
        yield from (f"  {line}" for line in pipelines.setting(role, kind, stacks))
    if delivering:
        yield "When the stacks stand, for pipelines that deliver what is merged:"
        for name in delivering:
            role = {"AWS_DELIVERY_ROLE": f"$(pulumi stack output delivery --stack {name})"}
            yield from (f"  {line}" for line in pipelines.setting(role, "Deploy", [name]))
        yield from (f"  {line}" for line in pipelines.setting({"GROUNDWORK_DELIVERY": "true"}))
    yield "When the stacks stand, for a comparison with the account every night:"
    yield from (f"  {line}" for line in pipelines.comparing(stacks))
    yield "Once, before the first update of each stack:"
    for name in stacks:
        yield f'  pulumi stack init {name} --secrets-provider "awskms://{wanted.alias}?region={region}"'


def _remove(name: str, *, yes: bool, dry_run: bool) -> None:
    from groundwork.operations.account import open_account
    from groundwork.operations.bootstrap import stack as stacks
    from groundwork.operations.progress import Progress

    found = stacks.plan_removal(open_account(name))
    if not found.removed:
        print("\n".join(_kept(found)))
        raise SystemExit(console.FINDINGS)
    if not confirmed("\n".join(_removal(found)), yes=yes, dry_run=dry_run):
        return
    stacks.remove(found, Progress())
    if found.held:
        raise SystemExit(console.FINDINGS)


def _removal(found: RemovalPlan) -> Iterator[str]:
    yield f"in {found.account.place}, of the CloudFormation stack {found.stack}:"
    yield ""
    yield from (f"  - {name}" for name in found.removed)
    yield ""
    yield from _kept(found)


def _kept(found: RemovalPlan) -> Iterator[str]:
    if found.held:
        yield f"{found.standing.outputs['Bucket']} and its key stay: it holds state ({len(found.held)} objects), such as"
        yield from (f"  {key}" for key in found.held[:5])
        yield "Remove the stacks first (pulumi destroy, pulumi stack rm), and what is left in the bucket by hand."
    yield "The identity provider of GitHub or GitLab stays: other roles of the account may trust it."
