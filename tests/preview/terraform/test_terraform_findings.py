"""From Terraform's diagnostics to findings and text, with diagnostics made by hand; no Terraform needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.api_values import api_lists
from groundwork.preview.terraform.convert import TOO_NEW_ARGUMENT, TOO_NEW_TYPE, LeftOut
from groundwork.preview.terraform.export import TerraformExport, to_terraform
from groundwork.preview.terraform.findings import (
    ASKED_AWS,
    NEWER_VALUE,
    NO_LONGER_REQUIRED,
    Excused,
    ProviderFinding,
    trace,
)
from groundwork.preview.terraform.render import render_verification
from groundwork.preview.terraform.verify import Verification

Make = Callable[..., Resource]
Whole = Callable[..., Snapshot]


def said(export: TerraformExport, mark: str, summary: str, detail: str = "", severity: str = "error") -> dict[str, Any]:
    line = next(number for number, text in enumerate(export.text.splitlines(), start=1) if mark in text)
    return {"severity": severity, "summary": summary, "detail": detail, "range": {"start": {"line": line}}}


def test_a_diagnostic_leads_to_urn_property_and_line(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "q", {"visibilityTimeoutSeconds": 99999})
    whole = snapshot(queue)
    export = to_terraform(whole)
    finding = trace(
        said(export, "visibility_timeout", "expected visibility_timeout_seconds to be in the range"),
        export,
        whole.by_urn(),
    )

    assert isinstance(finding, ProviderFinding)
    assert (finding.urn, finding.path, finding.where) == (queue.urn, "visibilityTimeoutSeconds", "components/some.py:7")


def test_a_missing_argument_is_named_as_pulumi_names_it(resource: Make, snapshot: Whole) -> None:
    plan = resource("aws:backup/plan:Plan", "p", {"rules": [{"ruleName": "daily"}]})
    whole = snapshot(plan)
    export = to_terraform(whole)
    path = '"rule_name"'
    words = 'The argument "target_vault_name" is required, but no definition was found.'
    diagnostic = said(export, path, "Missing required argument", words)
    # Terraform points at the block that lacks it, which starts a line above its first argument.
    diagnostic["range"]["start"]["line"] -= 1
    finding = trace(diagnostic, export, whole.by_urn())

    assert isinstance(finding, ProviderFinding)
    assert finding.path == "rules[0].targetVaultName"


def test_a_message_that_names_an_argument_deeper_in_a_set_is_followed(resource: Make, snapshot: Whole) -> None:
    tags = [{"type": "ISH", "key": "k", "value": "v"}]
    chosen = resource("aws:backup/selection:Selection", "s", {"planId": "p", "iamRoleArn": "r", "selectionTags": tags})
    whole = snapshot(chosen)
    export = to_terraform(whole)
    finding = trace(said(export, '"selection_tag"', "expected type to be one of [x], got ISH"), export, whole.by_urn())

    assert isinstance(finding, ProviderFinding)
    assert finding.path == "selectionTags[0].type"


def test_a_value_from_another_resource_points_at_the_table_of_computed_values(resource: Make, snapshot: Whole) -> None:
    key = resource("aws:kms/key:Key", "key", {})
    queue = resource(
        "aws:sqs/queue:Queue", "q", {"kmsMasterKeyId": "odd"}, property_dependencies={"kmsMasterKeyId": (key.urn,)}
    )
    whole = snapshot(key, queue)
    export = to_terraform(whole)
    finding = trace(said(export, "kms_master_key_id", "odd form"), export, whole.by_urn())

    assert isinstance(finding, ProviderFinding)
    assert "comes from key" in finding.hint


def test_a_diagnostic_about_no_resource_is_still_shown(snapshot: Whole) -> None:
    whole = snapshot()
    finding = trace({"severity": "error", "summary": "Bad provider", "detail": None}, to_terraform(whole), {})

    assert finding == ProviderFinding("error", "Bad provider")


def test_a_value_that_pulumi_aws_lists_is_the_providers_ignorance(resource: Make, snapshot: Whole) -> None:
    function = resource("aws:lambda/function:Function", "f", {"role": "r", "runtime": "python3.8"})
    whole = snapshot(function)
    export = to_terraform(whole)
    excused = trace(
        said(export, '"runtime"', 'expected runtime to be one of ["old"], got python3.8'), export, whole.by_urn()
    )

    assert isinstance(excused, Excused)
    assert excused.reason == NEWER_VALUE


def test_only_a_value_that_awss_api_lists_beside_the_allowed_ones_is_newer() -> None:
    message = 'expected runtime to be one of ["nodejs18.x" "java21"], got x'

    assert api_lists("aws:lambda/function:Function", message, "python3.13")
    assert not api_lists("aws:lambda/function:Function", message, "python99")
    assert not api_lists("aws:lambda/function:Function", 'one of ["never" "heard"]', "python3.13")
    assert not api_lists("aws:lambda/function:Function", "no list at all", "python3.13")
    assert not api_lists("aws:nosuchservice/x:X", message, "python3.13")


def test_an_empty_list_is_never_excused_as_newer(resource: Make, snapshot: Whole) -> None:
    function = resource("aws:lambda/function:Function", "f", {"role": "r", "architectures": []})
    whole = snapshot(function)
    export = to_terraform(whole)

    assert isinstance(
        trace(said(export, "architectures", "expected one of [x]"), export, whole.by_urn()), ProviderFinding
    )
    assert export.value_at(("resource", "aws_lambda_function", "f", "architectures", 0)) is None
    assert export.value_at(("resource", "none", "f")) is None


def test_what_pulumi_aws_no_longer_requires_is_the_providers_age(resource: Make, snapshot: Whole) -> None:
    gateway = resource("aws:ec2/natGateway:NatGateway", "n", {"connectivityType": "public"})
    whole = snapshot(gateway)
    export = to_terraform(whole)
    words = 'The argument "subnet_id" is required, but no definition was found.'
    excused = trace(said(export, '"n": {', "Missing required argument", words), export, whole.by_urn())

    assert isinstance(excused, Excused)
    assert excused.reason == NO_LONGER_REQUIRED


def test_what_the_provider_would_ask_aws_is_left_to_a_deployment(resource: Make, snapshot: Whole) -> None:
    whole = snapshot(resource("aws:sqs/queue:Queue", "q", {}))
    export = to_terraform(whole)
    excused = trace(said(export, '"q": {', "dial tcp 127.0.0.1:9: connect: connection refused"), export, whole.by_urn())

    assert isinstance(excused, Excused)
    assert excused.reason == ASKED_AWS


def test_the_text_says_what_was_checked_what_is_wrong_and_what_was_left_out(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "a-queue-" + "x" * 90, {"delaySeconds": 1})
    whole = snapshot(queue)
    export = to_terraform(whole)
    error = trace(said(export, "delay_seconds", "expected delay_seconds " + "and more " * 20), export, whole.by_urn())
    warning = trace(said(export, "delay_seconds", "deprecated", severity="warning"), export, whole.by_urn())
    assert isinstance(error, ProviderFinding)
    assert isinstance(warning, ProviderFinding)
    lines = render_verification(
        Verification(
            terraform="terraform",
            provider="5.100.0",
            checked=12,
            findings=(error, warning),
            excused=(Excused(error, NEWER_VALUE),),
            left_out=(
                LeftOut("u1", "aws:sqs/queue:Queue", "newer", TOO_NEW_ARGUMENT),
                LeftOut("u2", "aws:sqs/queue:Queue", "newer", TOO_NEW_ARGUMENT),
                LeftOut("u3", "aws:new/thing:Thing", "", TOO_NEW_TYPE),
            ),
        )
    )
    text = "\n".join(lines)

    assert max(map(len, lines)) <= 80
    assert lines[0] == "12 resources checked by AWS provider 5.100.0: 1 error, 1 warning"
    assert "declared  components/some.py:7" in text
    assert "2 × argument newer than the installed provider" in text
    assert "aws:sqs/queue:Queue newer × 2" in text
    assert "aws:new/thing:Thing" in text
    assert "cannot know" in text
