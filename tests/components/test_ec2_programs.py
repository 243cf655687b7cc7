"""The programs on an instance, run for real against stand-ins of what they call."""

import datetime as dt
import fcntl
import http.server
import importlib.util
import json
import os
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from groundwork.components.compute.ec2 import proxy

PROGRAMS = Path(proxy.__file__).with_name("programs")

# Notes what it was called with, and answers with the file that is named after its first words.
_STAND_IN = r"""#!{python}
import json, pathlib, sys
home = pathlib.Path({home!r})
words = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
said = sys.stdin.read() if "@-" in words else ""
with (home / "calls").open("a") as calls:
    calls.write(json.dumps([*words, said]) + "\n")
for length in (4, 3, 2, 1):
    answer = home / "-".join(word.replace("/", "_") for word in words[:length])
    if pathlib.Path(f"{{answer}}.fails").exists():
        sys.exit(1)
    if answer.exists():
        first, *rest = answer.read_text().split("\f")
        print(first)
        if rest:
            answer.write_text("\f".join(rest))
        break
"""


class Surroundings:
    """A folder of stand-ins that is first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        for name in ("aws", "docker", "curl", "systemctl"):
            file = folder / "bin" / name
            file.write_text(_STAND_IN.format(python=sys.executable, home=str(folder)))
            file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def answer(self, command: str, *answers: Any) -> None:
        """One after the other, the last one for ever."""
        texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
        (self.folder / command.replace(" ", "-")).write_text("\f".join(texts))

    def fail(self, command: str) -> None:
        (self.folder / f"{command.replace(' ', '-')}.fails").touch()

    def calls(self, *beginning: str) -> list[list[str]]:
        file = self.folder / "calls"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [line for line in lines if tuple(line[: len(beginning)]) == beginning]


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return Surroundings(tmp_path)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ec2_program_{name}", PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DECLARATION: dict[str, Any] = {
    "image": "app",
    "job": None,
    "role": "arn:aws:iam::111122223333:role/app",
    "parameters": "/chat/prod/services/environment/app",
    "references": {"FEATURE": "/chat/prod/flags/FEATURE"},
    "secrets": {"PASSWORD": {"arn": "arn:secret", "key": "password"}, "POOL": {"arn": "arn:secret", "key": "pool"}},
    "check": {"url": "http://127.0.0.1:3000/health", "start_period": 30},
    "container": {
        "User": "1000:1000",
        "Env": ["EMPTY="],
        "Healthcheck": {"Test": ["CMD", "check"]},
        "HostConfig": {"LogConfig": {"Config": {}}},
    },
    "placeholder": {"image": "busybox:1", "command": ["sh", "-c", "httpd"]},
}


def parameters(text: str) -> dict[str, Any]:
    return {"Parameters": [{"Name": "n", "Value": text}]}


@pytest.fixture
def run(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """Runs the service "app" and returns the container that Docker was asked for."""
    module = load("run")
    monkeypatch.setattr(module, "IDENTITIES", around.folder / "identities")
    monkeypatch.setattr(module, "CHECKS", around.folder / "checks")
    monkeypatch.setenv("DECLARATIONS", "/chat/prod/services/declarations")
    monkeypatch.setenv("IMAGES", "/chat/prod/services/images")
    around.answer(
        "aws ssm get-parameters",
        parameters(json.dumps(DECLARATION)),
        parameters("repository/app:1.2"),
        parameters("on"),
    )
    path = "/chat/prod/services/environment/app"
    around.answer(
        "aws ssm get-parameters-by-path",
        {"Parameters": [{"Name": f"{path}/LOG", "Value": "info"}, {"Name": f"{path}/TEXT", "Value": "a\nb $x '"}]},
    )
    around.answer("aws secretsmanager get-secret-value", {"SecretString": '{"password": "pass\\nword", "pool": 5}'})

    def start() -> dict[str, Any]:
        became: list[list[str]] = []
        monkeypatch.setattr(module.os, "execvp", lambda file, args: became.append(args))
        module.main("app")
        assert became == [["docker", "wait", "app"]]
        [request] = around.calls("curl")
        assert request[-2] == "http://docker/containers/create?name=app"
        body: dict[str, Any] = json.loads(request[-1])
        return body

    return start


def test_a_service_is_told_what_parameter_store_and_secrets_manager_hold(run: Callable[[], dict[str, Any]]) -> None:
    """S4-10"""
    body = run()
    told = dict(item.split("=", 1) for item in body["Env"])
    credentials = told.pop("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    assert told == {
        "EMPTY": "",
        "LOG": "info",
        "TEXT": "a\nb $x '",
        "FEATURE": "on",
        "PASSWORD": "pass\nword",
        "POOL": "5",
    }
    assert len(credentials) == 65
    assert body["Image"] == "repository/app:1.2"
    assert body["HostConfig"]["LogConfig"]["Config"]["awslogs-stream"].startswith("app/")


def test_no_secret_stands_on_a_command_line_or_in_a_file(
    run: Callable[[], dict[str, Any]], around: Surroundings
) -> None:
    run()
    assert "pass" not in json.dumps([call[:-1] for call in around.calls()])
    folders = [around.folder / name for name in ("identities", "checks")]
    assert "pass" not in "".join(file.read_text() for folder in folders for file in folder.iterdir())
    assert stat.S_IMODE((around.folder / "identities" / "app.json").stat().st_mode) == 0o600


def test_one_secret_is_fetched_once(run: Callable[[], dict[str, Any]], around: Surroundings) -> None:
    run()
    assert len(around.calls("aws", "secretsmanager")) == 1


def test_an_image_that_is_there_is_not_pulled_again(run: Callable[[], dict[str, Any]], around: Surroundings) -> None:
    run()
    assert around.calls("docker", "pull") == []


def test_an_image_that_is_missing_is_pulled(run: Callable[[], dict[str, Any]], around: Surroundings) -> None:
    around.fail("docker image inspect")
    run()
    assert around.calls("docker", "pull") == [["docker", "pull", "--quiet", "repository/app:1.2", ""]]


def test_until_an_image_is_delivered_a_placeholder_runs_that_is_told_nothing(
    run: Callable[[], dict[str, Any]], around: Surroundings
) -> None:
    around.answer("aws ssm get-parameters", parameters(json.dumps(DECLARATION)), parameters("none"))
    around.fail("docker image inspect")
    body = run()
    assert (body["Image"], body["Cmd"], body["Env"]) == ("busybox:1", ["sh", "-c", "httpd"], ["EMPTY="])
    assert "Healthcheck" not in body
    assert around.calls("docker", "pull") == [["docker", "pull", "--quiet", "busybox:1", ""]]
    assert around.calls("aws", "secretsmanager") == []
    assert not (around.folder / "identities").exists()
    assert json.loads((around.folder / "checks" / "app.json").read_text()) == DECLARATION["check"]


@pytest.fixture
def job(
    run: Callable[[], dict[str, Any]], around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, list[list[str]]]]:
    """Runs a job and returns its exit code and what Docker was asked to do, one word each."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    module = load("job")
    monkeypatch.setattr(module.run, "IDENTITIES", around.folder / "identities")
    monkeypatch.setattr(module, "JOBS", around.folder / "jobs")
    monkeypatch.setenv("GROUP", "chat-prod-instances")
    monkeypatch.setenv("NAMESPACE", "chat/prod")

    def start(limits: dict[str, Any], *codes: str, image: str = "", delivered: str = "repository/api:1") -> Any:
        declaration = {**DECLARATION, "image": "api", "job": {"timeout": None, "retries": 0, **limits}}
        asked = [parameters(json.dumps(declaration)), *([] if image else [parameters(delivered)]), parameters("on")]
        around.answer("aws ssm get-parameters", *asked)
        around.answer("docker wait", *codes)
        with pytest.raises(SystemExit) as ended:
            module.main("migrate", image)
        return ended.value.code, [call[1] for call in around.calls("docker")]

    return start


def test_a_job_ends_with_its_containers_exit_code_and_leaves_nothing_behind(job: Any, around: Surroundings) -> None:
    code, asked = job({}, "0")
    assert code == 0
    assert asked == ["rm", "image", "start", "wait", "logs", "rm"]
    assert "/services/images/api" in around.calls("aws", "ssm", "get-parameters")[1][-4]
    [request] = around.calls("curl")
    assert json.loads(request[-1])["Image"] == "repository/api:1"
    assert not around.calls("aws", "cloudwatch")


def test_a_job_that_fails_is_tried_again_as_often_as_it_may_and_then_seen(job: Any, around: Surroundings) -> None:
    code, asked = job({"retries": 2}, "3", "3", "4")
    assert code == 4
    assert asked.count("start") == 3
    [metric] = around.calls("aws", "cloudwatch", "put-metric-data")
    assert json.loads(metric[metric.index("--metric-data") + 1])[0]["MetricName"] == "FailedJobs"


def test_a_job_that_recovers_has_not_failed(job: Any, around: Surroundings) -> None:
    code, asked = job({"retries": 2}, "1", "0")
    assert (code, asked.count("start")) == (0, 2)
    assert not around.calls("aws", "cloudwatch")


def test_whoever_delivers_names_the_image_of_a_job(job: Any, around: Surroundings) -> None:
    job({}, "0", image="repository/api:2")
    assert json.loads(around.calls("curl")[0][-1])["Image"] == "repository/api:2"


def test_without_an_image_a_job_does_nothing(job: Any, around: Surroundings) -> None:
    code, asked = job({}, "0", delivered="none")
    assert code == "there is no image for migrate yet"
    assert "start" not in asked


def test_a_job_that_hangs_is_ended_and_has_failed(
    job: Any, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.run

    def slow(command: list[str], **options: Any) -> Any:
        if command[:2] == ["docker", "wait"]:
            assert options["timeout"] == 60
            raise subprocess.TimeoutExpired(command, 60)
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", slow)
    code, asked = job({"timeout": 60}, "0")
    assert code == 124
    assert asked[-3:] == ["stop", "logs", "rm"]
    assert around.calls("aws", "cloudwatch", "put-metric-data")


def test_a_job_that_runs_is_not_started_beside_itself(job: Any, around: Surroundings) -> None:
    (around.folder / "jobs").mkdir()
    with (around.folder / "jobs" / "migrate").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, asked = job({}, "0")
    assert code == 75
    assert asked == []


def test_a_service_without_a_declaration_says_which_parameter_is_missing(
    run: Callable[[], dict[str, Any]], around: Surroundings
) -> None:
    around.answer("aws ssm get-parameters", {"Parameters": []})
    with pytest.raises(SystemExit, match="there is no parameter /chat/prod/services/declarations/app"):
        run()


@pytest.fixture
def identities(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the identity program, which knows the token "secret" for the service "app"."""
    module = load("identity")
    folder = around.folder / "identities"
    folder.mkdir()
    (folder / "app.json").write_text(json.dumps({"token": "secret", "role": "arn:role/app"}))
    monkeypatch.setattr(module, "IDENTITIES", folder)
    given = {"AccessKeyId": "AKID", "SecretAccessKey": "hidden", "SessionToken": "token", "Expiration": "far"}
    around.answer("aws sts assume-role", {"Credentials": given})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), module.Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_sdk_takes_the_credentials_of_its_own_services_role(
    identities: str, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S4-09"""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{identities}/secret")
    found = boto3.Session().get_credentials()
    assert found is not None
    assert found.get_frozen_credentials()[:3] == ("AKID", "hidden", "token")
    [call, *_] = around.calls("aws", "sts")
    assert call[3:7] == ["--role-arn", "arn:role/app", "--role-session-name", "app"]


def test_credentials_are_asked_for_again_long_before_they_end(identities: str) -> None:
    with urllib.request.urlopen(f"{identities}/secret") as answer:
        said = json.load(answer)
    left = dt.datetime.fromisoformat(said["Expiration"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=19) < left <= dt.timedelta(minutes=20)


def test_credentials_are_fetched_once_for_many_questions(identities: str, around: Surroundings) -> None:
    for _ in range(3):
        urllib.request.urlopen(f"{identities}/secret").close()
    assert len(around.calls("aws", "sts")) == 1


@pytest.mark.parametrize("path", ["/", "/wrong", "/secre", "/secret/", "/app"])
def test_whoever_does_not_know_the_token_gets_nothing(identities: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{identities}{path}")


@pytest.fixture
def watch(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, float]]:
    """Looks once at the services "app" and "worker", and returns the metrics that were sent."""
    module = load("watch")
    for name in ("CHECKS", "UNWELL"):
        monkeypatch.setattr(module, name, around.folder / name.lower())
    (around.folder / "checks").mkdir()
    for name, value in {"SERVICES": "app worker", "GROUP": "g", "NAMESPACE": "n"}.items():
        monkeypatch.setenv(name, value)
    for name in ("app", "worker"):
        (around.folder / "checks" / f"{name}.json").write_text('{"url": "", "start_period": 0}')
    around.answer("docker inspect app", [{"State": {"Running": True}}])
    around.answer("docker inspect worker", [{"State": {"Running": True, "Health": {"Status": "healthy"}}}])

    def look() -> dict[str, float]:
        module.main()
        call = around.calls("aws", "cloudwatch")[-1]
        return {item["MetricName"]: item["Value"] for item in json.loads(call[-2])}

    return look


def test_services_that_run_are_well(watch: Callable[[], dict[str, float]]) -> None:
    assert watch() == {"UnwellServices": 0}


def test_what_stays_unwell_is_started_again_after_three_minutes_and_is_said_to_be_unwell_all_the_time(
    watch: Callable[[], dict[str, float]], around: Surroundings
) -> None:
    """S4-15"""
    around.answer("docker inspect worker", [{"State": {"Running": True, "Health": {"Status": "unhealthy"}}}])
    assert [watch()["UnwellServices"] for _ in range(4)] == [1, 1, 1, 1]
    assert around.calls("systemctl") == [["systemctl", "restart", "groundwork@worker", ""]]


def test_a_container_that_is_gone_is_unwell(watch: Callable[[], dict[str, float]], around: Surroundings) -> None:
    around.answer("docker inspect app", [])
    assert watch()["UnwellServices"] == 1


def test_a_public_service_is_asked_over_http(watch: Callable[[], dict[str, float]], around: Surroundings) -> None:
    (around.folder / "checks" / "app.json").write_text('{"url": "http://127.0.0.1:9/health", "start_period": 60}')
    assert watch()["UnwellServices"] == 1


def test_the_caches_memory_is_measured_in_percent_of_its_limit(
    watch: Callable[[], dict[str, float]], around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S4-12"""
    monkeypatch.setenv("CACHE_CLIENT", "valkey-cli")
    around.answer("docker exec cache", "# Memory\r\nused_memory:400\r\nmaxmemory:500\r\n")
    assert watch()["CacheMemory"] == 80
    around.answer("docker exec cache", "")
    assert watch() == {"UnwellServices": 1}


def _backup() -> int:
    told = {"CACHE_CLIENT": "valkey-cli", "BACKUPS": "b", "NAMESPACE": "n", "GROUP": "g", "PAUSE": "0"}
    done = subprocess.run(["bash", str(PROGRAMS / "backup.sh")], env={**os.environ, **told}, check=False, timeout=60)
    return done.returncode


def test_the_copy_is_of_a_snapshot_made_for_it(around: Surroundings) -> None:
    """S4-01"""
    around.answer("docker exec cache", "1", "Background saving started", "1", "1", "2")
    assert _backup() == 0
    [copy] = around.calls("aws", "s3")
    assert copy[3:5] == ["--only-show-errors", "/data/cache/dump.rdb"]
    assert copy[5].startswith("s3://b/cache/")
    assert around.calls("aws", "cloudwatch")[0][5:9] == ["--metric-name", "CacheCopied", "--value", "1"]


def test_a_copy_that_fails_is_not_counted(around: Surroundings) -> None:
    around.answer("docker exec cache", "1", "Background saving started", "2")
    around.fail("aws s3")
    assert _backup() != 0
    assert around.calls("aws", "cloudwatch") == []


def test_a_cache_that_does_not_answer_is_not_copied(around: Surroundings) -> None:
    around.fail("docker exec cache")
    assert _backup() != 0
    assert around.calls("aws") == []


def _certificate(folder: Path, succeeds_at: int) -> list[str]:
    """Certbot and sleep as they are called, with a certbot that succeeds at its ``succeeds_at``-th call."""
    calls = folder / "called"
    for name, does in (
        ("certbot", f'echo certbot >> "{calls}"; (( $(grep -c certbot "{calls}") >= {succeeds_at} ))'),
        ("sleep", f'echo "sleep $1" >> "{calls}"'),
    ):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/bash\n{does}\n")
        program.chmod(0o755)
    told = {"CERTIFICATE_NAMES": "example.com origin.example.com", "CERTIFICATES": str(folder / "certificates")}
    done = subprocess.run(
        ["bash", str(PROGRAMS / "certificate.sh")], env={**os.environ, **told}, check=False, timeout=60
    )
    assert done.returncode == 0
    return calls.read_text().splitlines()


def test_a_first_certificate_is_asked_for_less_than_five_times_an_hour(around: Surroundings) -> None:
    """https://letsencrypt.org/docs/rate-limits/#authorization-failures-per-identifier-per-account"""
    calls = _certificate(around.folder, 9)
    pauses = [int(call.split()[1]) for call in calls if call.startswith("sleep")]
    assert len(pauses) == 8
    assert 3600 / min(pauses) < 5
    assert pauses == sorted(pauses)
    # Six hours in the end: more than a thousand failures in a row take most of a year.
    assert 21600 <= pauses[-1] <= 43200


def test_a_renewal_that_fails_waits_for_tomorrow_and_leaves_the_proxy_its_certificate(around: Surroundings) -> None:
    there = around.folder / "certificates" / "live" / "origin" / "fullchain.pem"
    there.parent.mkdir(parents=True)
    there.touch()
    assert _certificate(around.folder, 2) == ["certbot"]
