"""Whose account a command asks, and what a user hears where AWS refuses or does not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations.account import open_account, plain_errors
from groundwork.operations.errors import OperationError
from tests.operations.shop import STACK_FILE, account, client, project


def refusal(code: str, message: str = "No.") -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "PutParameter")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refusal("ExpiredTokenException"), "the credentials have expired; sign in"),
        (refusal("UnrecognizedClientException"), "AWS does not know the credentials; sign in"),
        (refusal("AccessDeniedException", "User: x is not authorized"), "does not allow it: User: x is not authorized"),
        (refusal("ThrottlingException"), "too many requests .PutParameter.; try again in a minute"),
        (
            refusal("ParameterLimitExceeded", "Too  many\nparameters."),
            "PutParameter says ParameterLimitExceeded: Too many parameters",
        ),
        (botocore.exceptions.NoCredentialsError(), "Unable to locate credentials; sign in"),
        (botocore.exceptions.ProfileNotFound(profile="shop"), "profile .shop. could not be found; sign in"),
        (
            botocore.exceptions.EndpointConnectionError(endpoint_url="https://ssm"),
            "AWS does not answer .*; is there a network",
        ),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://ssm"), "AWS does not answer"),
        (botocore.exceptions.ParamValidationError(report="x"), "naming the image: "),
    ],
)
def test_each_refusal_says_what_was_being_done_and_what_to_do(error: Exception, said: str) -> None:
    with pytest.raises(OperationError, match=said) as raised, plain_errors("naming the image"):
        raise error
    assert str(raised.value).startswith("naming the image: ")


def test_without_credentials_a_command_ends_with_1_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert groundwork(["logs", "dev"]) == 1
    said = capsys.readouterr().err
    assert "sign in" in said
    assert "Traceback" not in said


def test_a_profile_of_the_stack_file_is_the_one_that_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = STACK_FILE.replace("config:\n", "config:\n  aws:profile: shop-admin\n")
    with account(tmp_path, monkeypatch, named):
        with pytest.raises(OperationError, match="shop-admin"):
            open_account("dev")
        (tmp_path / "config").write_text(
            "[profile shop-admin]\naws_access_key_id = a\naws_secret_access_key = b\n", encoding="utf-8"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        assert open_account("dev").session.profile_name == "shop-admin"


def test_the_role_that_the_provider_assumes_is_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    named = STACK_FILE.replace(
        "config:\n",
        'config:\n  aws:assumeRoles: [{roleArn: "arn:aws:iam::210987654321:role/deployer", externalId: shop}]\n',
    )
    with account(tmp_path, monkeypatch, named):
        sts = type(client("sts"))
        assume = sts._make_api_call

        def seen(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if operation == "AssumeRole":
                asked.append(arguments)
            return assume(self, operation, arguments)

        monkeypatch.setattr("botocore.client.BaseClient._make_api_call", seen)
        assert open_account("dev").id == "210987654321"
    assert asked == [
        {
            "RoleArn": "arn:aws:iam::210987654321:role/deployer",
            "RoleSessionName": "groundwork",
            "ExternalId": "shop",
        }
    ]


def test_a_role_without_an_arn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = STACK_FILE.replace("config:\n", "config:\n  aws:assumeRoles: [{sessionName: x}]\n")
    with account(tmp_path, monkeypatch, named), pytest.raises(OperationError, match="no roleArn"):
        open_account("dev")
