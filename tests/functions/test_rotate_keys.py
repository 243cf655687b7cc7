"""The rotation of signing keys, as Secrets Manager calls it: four steps, each possibly twice."""

import contextlib
import hashlib
import json
import sys

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from groundwork.components.secrets.settings import signing_variables
from tests.functions.conftest import CREDENTIALS
from tests.requirements import proves

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def identifier(key):
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def first(name="JWT_SECRET", letter="k"):
    """As groundwork/components/secrets/secret.py writes it."""
    keys = {part: f"{letter}{part}" * 32 for part in ("", "_PREVIOUS", "_NEXT")}
    return {f"{name}{part}": key for part, key in keys.items()} | {
        f"{name}{part}_ID": identifier(key) for part, key in keys.items()
    }


@pytest.fixture
def secrets(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield boto3.client("secretsmanager")


@pytest.fixture
def handler(secrets, load):
    return load("rotate_keys")


class Manager:
    """Answers as Secrets Manager does: a version that is begun has a label and no value yet, which moto cannot say."""

    def __init__(self, client, content):
        self.exceptions = client.exceptions
        self.versions = {"first": (json.dumps(content) if content is not None else None, ["AWSCURRENT"])}
        self.enabled = True
        self._error = client.exceptions.ResourceNotFoundException(
            {"Error": {"Code": "ResourceNotFoundException", "Message": "no value"}}, "GetSecretValue"
        )
        self.puts = 0

    def begin(self, token):
        self.versions[token] = (None, ["AWSPENDING"])

    def describe_secret(self, SecretId):  # noqa: N803 - as boto3 has it
        stages = {token: list(labels) for token, (_, labels) in self.versions.items()}
        return {"RotationEnabled": self.enabled, "VersionIdsToStages": stages}

    def get_secret_value(self, SecretId, VersionStage, VersionId=None):  # noqa: N803 - boto3's
        for token, (value, labels) in self.versions.items():
            if VersionStage in labels and VersionId in (None, token) and value is not None:
                return {"SecretString": value}
        raise self._error

    def put_secret_value(self, SecretId, ClientRequestToken, SecretString, VersionStages):  # noqa: N803 - boto3's
        assert self.versions[ClientRequestToken][0] is None, "a version is written once"
        self.versions[ClientRequestToken] = (SecretString, VersionStages)
        self.puts += 1

    def update_secret_version_stage(self, SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId):  # noqa: N803 - boto3's
        for _, labels in self.versions.values():
            if "AWSPREVIOUS" in labels:
                labels.remove("AWSPREVIOUS")
        self.versions[RemoveFromVersionId][1].remove(VersionStage)
        self.versions[RemoveFromVersionId][1].append("AWSPREVIOUS")
        self.versions[MoveToVersionId][1].append(VersionStage)

    def current(self):
        return json.loads(self.get_secret_value("", "AWSCURRENT")["SecretString"])


@pytest.fixture
def rotate(handler, secrets):
    """A manager of some content, and a way to let it call the function."""

    def begin(content):
        manager = Manager(secrets, content)
        sys.modules["secret_rotation"].client = lambda: manager

        def run(token, steps=STEPS):
            if token not in manager.versions:
                manager.begin(token)
            for step in steps:
                handler.handle({"Step": step, "SecretId": "jwt", "ClientRequestToken": token}, None)

        return manager, run

    return begin


@proves("S1-16")
def test_every_key_moves_on_and_a_next_one_is_drawn(rotate):
    """S1-16"""
    manager, run = rotate({**first(), "ISSUER": "shop"})
    before = manager.current()
    run("one")
    after = manager.current()
    assert set(after) == set(before) == {*signing_variables("JWT_SECRET"), "ISSUER"}
    assert after["JWT_SECRET"] == before["JWT_SECRET_NEXT"]
    assert after["JWT_SECRET_PREVIOUS"] == before["JWT_SECRET"]
    assert after["JWT_SECRET_NEXT"] not in before.values()
    assert len(after["JWT_SECRET_NEXT"]) >= 64
    assert after["ISSUER"] == "shop"


@proves("S1-16")
def test_a_token_is_good_for_a_whole_interval_after_the_change_and_old_copies_know_the_new_key(rotate):
    """S1-16: what was signed before verifies after, and what is signed after verifies where only the old keys are known."""
    manager, run = rotate(first())
    for token in ("one", "two", "three"):
        before = manager.current()
        run(token)
        after = manager.current()
        ids_before = {
            before[f"JWT_SECRET{part}_ID"]: before[f"JWT_SECRET{part}"] for part in ("", "_PREVIOUS", "_NEXT")
        }
        ids_after = {after[f"JWT_SECRET{part}_ID"]: after[f"JWT_SECRET{part}"] for part in ("", "_PREVIOUS", "_NEXT")}
        assert ids_after[before["JWT_SECRET_ID"]] == before["JWT_SECRET"]
        assert ids_before[after["JWT_SECRET_ID"]] == after["JWT_SECRET"]


def test_each_step_twice_does_no_harm(rotate):
    """S1-16"""
    manager, run = rotate(first())
    run("one", [step for step in STEPS for _ in range(2)])
    once = manager.current()
    run("one")
    assert manager.current() == once
    assert manager.puts == 1


def test_until_the_end_everybody_reads_the_old_keys(rotate):
    manager, run = rotate(first())
    before = manager.current()
    run("one", STEPS[:3])
    assert manager.current() == before


def test_the_labels_end_as_secrets_manager_asks(rotate):
    manager, run = rotate(first())
    run("one")
    assert manager.versions["first"][1] == ["AWSPREVIOUS"]
    assert set(manager.versions["one"][1]) == {"AWSPENDING", "AWSCURRENT"}


def test_several_signing_keys_move_on_together(rotate):
    manager, run = rotate({**first(), **first("REFRESH_SECRET", "r")})
    before = manager.current()
    run("one")
    for name in ("JWT_SECRET", "REFRESH_SECRET"):
        assert manager.current()[name] == before[f"{name}_NEXT"]


def test_a_version_that_nobody_began_is_refused(rotate, handler):
    manager, run = rotate(first())
    with pytest.raises(handler.NotDue, match="no version other"):
        handler.handle({"Step": "createSecret", "SecretId": "jwt", "ClientRequestToken": "other"}, None)
    manager.versions["stale"] = (None, ["AWSPREVIOUS"])
    with pytest.raises(handler.NotDue, match="not pending"):
        run("stale")


def test_a_secret_that_is_not_set_to_rotate_is_left_alone(rotate, handler):
    manager, run = rotate(first())
    manager.enabled = False
    with pytest.raises(handler.NotDue, match="not set to rotate"):
        run("one")


def test_an_empty_secret_and_one_without_signing_keys_say_so(rotate, handler):
    _, run = rotate(None)
    with pytest.raises(handler.NotDue, match="empty"):
        run("one")
    _, run = rotate({"API_KEY": "x"})
    with pytest.raises(ValueError, match="no signing key"):
        run("one")


def test_a_step_that_there_is_none_of_is_refused(rotate, handler):
    _, run = rotate(first())
    with pytest.raises(handler.NotDue, match="no step destroySecret"):
        run("one", ["destroySecret"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"JWT_SECRET_NEXT": "short"}, "at least 32"),
        ({"JWT_SECRET_PREVIOUS": first()["JWT_SECRET"]}, "three different"),
        ({"JWT_SECRET_ID": "other"}, "not its key's"),
    ],
)
def test_a_version_that_services_could_not_use_does_not_get_through(rotate, changed, said):
    manager, run = rotate(first())
    manager.versions["one"] = (json.dumps({**first(), **changed}), ["AWSPENDING"])
    with pytest.raises(ValueError, match=said):
        run("one")
    assert manager.current() == first()


def test_the_first_version_passes_the_test_that_secrets_manager_makes_of_the_schedule(rotate):
    manager, run = rotate(first())
    manager.versions["trial"] = (json.dumps(first()), ["AWSPENDING"])
    run("trial", ["testSecret"])


def test_with_secrets_managers_own_client(handler, secrets):
    """The same against moto, whose pending version already holds the value."""
    arn = secrets.create_secret(Name="shop/prod/jwt", SecretString=json.dumps(first()))["ARN"]
    token = "1" * 32
    secrets.put_secret_value(
        SecretId=arn,
        ClientRequestToken=token,
        SecretString=json.dumps(handler.renewed(first())),
        VersionStages=["AWSPENDING"],
    )
    sys.modules["secret_rotation"].client().describe_secret = _rotating(secrets.describe_secret)
    for step in STEPS:
        handler.handle({"Step": step, "SecretId": arn, "ClientRequestToken": token}, None)
    current = json.loads(secrets.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])
    assert current["JWT_SECRET_PREVIOUS"] == first()["JWT_SECRET"]


def _rotating(describe):
    return lambda **request: {**describe(**request), "RotationEnabled": True}


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_steps_in_any_order_never_lose_a_key(rotate_fresh, steps):
    manager, run = rotate_fresh(first())
    for step in steps:
        # A step too early is refused; what counts is what is left.
        with contextlib.suppress(Exception):
            run("one", [step])
    assert manager.current() == first() or manager.current()["JWT_SECRET"] == first()["JWT_SECRET_NEXT"]


@pytest.fixture(scope="module")
def rotate_fresh():
    """For many examples: one handler, a manager for each."""
    import importlib.util

    from tests.functions.conftest import FUNCTIONS

    spec = importlib.util.spec_from_file_location("rotate_keys_handler", FUNCTIONS / "rotate_keys" / "handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    client = boto3.client("secretsmanager", region_name="us-east-1")

    def begin(content):
        manager = Manager(client, content)
        sys.modules["secret_rotation"].client = lambda: manager

        def run(token, steps):
            if token not in manager.versions:
                manager.begin(token)
            for step in steps:
                module.handle({"Step": step, "SecretId": "jwt", "ClientRequestToken": token}, None)

        return manager, run

    return begin
