"""The account that a stack stands in, for the commands after ``pulumi up``: whose it is, and clients that give up in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import botocore.exceptions
import botocore.parsers
from botocore.config import Config

from groundwork.components.settings import Settings
from groundwork.operations.errors import OperationError, UnreachableError
from groundwork.settings.loading import StackFiles, find_stack, load_stack
from groundwork.settings.mistakes import Path

# Standard retries wait longer each time, and count throttling among what is tried again:
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 6})


@dataclass(frozen=True)
class StackAccount:
    """An account as a stack's commands use it."""

    stack: StackFiles
    settings: Settings
    id: str
    session: boto3.Session
    where: Callable[[Path], str] = lambda path: ""
    """File and line of a setting."""

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a client in the stack's region, or in another."""
        return _client(self.session, service, region or self.settings.region)

    @property
    def stack_name(self) -> str:
        """Return what commands take for the stack: its name, below the folder that it stands in."""
        folder = self.stack.label.rpartition("/")[0]
        return f"{folder}/{self.stack.name}" if folder else self.stack.name

    @property
    def slug(self) -> str:
        return self.settings.platform.slug

    @property
    def prefix(self) -> str:
        return self.settings.platform.prefix

    @property
    def place(self) -> str:
        """Return account and region in words."""
        return f"account {self.id}, {self.settings.region}"


@cache
def _client(session: boto3.Session, service: str, region: str) -> Any:
    return session.client(service, region_name=region, config=_CONFIG)


def open_account(name: str, *, region: str | None = None) -> StackAccount:
    """Return the account of a stack, after asking AWS whose the credentials are.

    ``region`` is asked that; unset, the stack's. Raises ``Mistakes`` for the stack file, and OperationError where there are no credentials, or where they are another account's than
    ``aws:allowedAccountIds`` says.
    """
    stack = find_stack(name)
    loaded = load_stack(stack)
    with plain_errors("asking whose the credentials are"):
        session = _session(loaded.config, region or loaded.settings.region)
        found = _client(session, "sts", region or loaded.settings.region).get_caller_identity()["Account"]
    allowed = _listed(loaded.config, "aws:allowedAccountIds")
    if allowed and found not in allowed:
        raise OperationError(
            f"the credentials are of account {found}, and {stack.label} belongs to {' or '.join(map(str, allowed))} "
            f"(aws:allowedAccountIds); choose others: AWS_PROFILE, or aws:profile in the stack file"
        )
    return StackAccount(stack, loaded.settings, found, session, loaded.merged.where)


def _session(config: Mapping[str, str], region: str) -> boto3.Session:
    """Return a session with the credentials that Pulumi's provider would take: a profile of the stack file, and the roles to assume
    from there."""
    session = boto3.Session(profile_name=config.get("aws:profile") or None, region_name=region)
    roles = _listed(config, "aws:assumeRoles") or _listed(config, "aws:assumeRole")
    for role in roles:
        if not isinstance(role, Mapping) or "roleArn" not in role:
            raise OperationError(f"a role to assume has no roleArn: {json.dumps(role)}")
        wanted = {"RoleArn": role["roleArn"], "RoleSessionName": role.get("sessionName") or "groundwork"}
        if role.get("externalId"):
            wanted["ExternalId"] = role["externalId"]
        lent = _client(session, "sts", region).assume_role(**wanted)["Credentials"]
        session = boto3.Session(lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"], region)
    return session


def _listed(config: Mapping[str, str], key: str) -> list[Any]:
    text = config.get(key)
    if not text:
        return []
    value = json.loads(text)
    return value if isinstance(value, list) else [value]


_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException"}
# S3 says no more than the number to a question for a head.
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_AT_FAULT = 500
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}

_SIGN_IN = (
    "sign in (`aws sso login`, `aws configure`), or name a profile: AWS_PROFILE, or aws:profile in the stack file"
)


@contextmanager
def plain_errors(doing: str) -> Iterator[None]:
    """Turn what boto3 raises into OperationError with what was being done (``reading the logs of api``) and what to do; UnreachableError
    where the next question would end the same."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        kind = UnreachableError if code_of(error) in _EXPIRED | _UNKNOWN else OperationError
        raise kind(f"{doing}: {_refusal(error)}") from error
    except (
        botocore.exceptions.NoCredentialsError,
        botocore.exceptions.PartialCredentialsError,
        botocore.exceptions.CredentialRetrievalError,
        botocore.exceptions.ProfileNotFound,
        botocore.exceptions.SSOError,
        botocore.exceptions.TokenRetrievalError,
    ) as error:
        raise UnreachableError(f"{doing}: {_sentence(error)}; {_SIGN_IN}") from error
    except (
        botocore.exceptions.HTTPClientError,
        botocore.exceptions.ConnectionError,
        botocore.exceptions.EndpointConnectionError,
    ) as error:
        raise UnreachableError(f"{doing}: AWS does not answer ({_sentence(error)}); is there a network?") from error
    except botocore.parsers.ResponseParserError as error:
        raise UnreachableError(
            f"{doing}: what answers is not AWS, or it fails: no answer of it can be read; is there a proxy in between? Try again in a minute"
        ) from error
    except botocore.exceptions.BotoCoreError as error:
        raise OperationError(f"{doing}: {_sentence(error)}") from error


def _refusal(error: botocore.exceptions.ClientError) -> str:
    code, message = error.response["Error"].get("Code", ""), _sentence(error.response["Error"].get("Message") or error)
    if code in _EXPIRED:
        return f"the credentials have expired; {_SIGN_IN}"
    if code in _UNKNOWN:
        return f"AWS does not know the credentials; {_SIGN_IN}"
    if code in _DENIED:
        return f"AWS does not allow it: {message}"
    if code in _THROTTLED:
        return f"AWS answers that there are too many requests ({error.operation_name}); try again in a minute"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _AT_FAULT:
        # What it says then may be a whole page.
        return f"AWS fails at {error.operation_name} ({status}); try again in a minute, or look at https://health.aws.amazon.com"
    return f"{error.operation_name} says {code}: {message}"


def _sentence(text: object) -> str:
    return " ".join(str(text).split()).rstrip(".")


def code_of(error: botocore.exceptions.ClientError) -> str:
    """Return the code of a refusal, such as ``ParameterNotFound``."""
    return str(error.response["Error"].get("Code", ""))
