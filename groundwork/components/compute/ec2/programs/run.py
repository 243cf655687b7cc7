#!/usr/bin/python3
"""Run the container of one service: ``run.py NAME``. What it is told is fetched now and written to no disk."""
# What is started and asked here is our own.
# ruff: noqa: S603, S606, S607

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

IDENTITIES = Path("/run/groundwork/identities")
CHECKS = Path("/run/groundwork/checks")
NOTHING = "none"


def aws(*words: str) -> Any:
    answer = subprocess.run(["aws", *words, "--output", "json"], check=True, stdout=subprocess.PIPE)
    return json.loads(answer.stdout)


def parameter(name: str) -> str:
    found = aws("ssm", "get-parameters", "--names", name)["Parameters"]
    if not found:
        raise SystemExit(f"there is no parameter {name}")
    return str(found[0]["Value"])


def told(service: dict[str, Any]) -> dict[str, str]:
    found = aws("ssm", "get-parameters-by-path", "--path", service["parameters"])["Parameters"]
    values = {item["Name"].rpartition("/")[2]: item["Value"] for item in found}
    values.update({variable: parameter(name) for variable, name in service["references"].items()})
    held: dict[str, str] = {}
    for variable, secret in service["secrets"].items():
        arn, key = secret["arn"], secret["key"]
        if arn not in held:
            held[arn] = aws("secretsmanager", "get-secret-value", "--secret-id", arn)["SecretString"]
        value = json.loads(held[arn])[key] if key else held[arn]
        values[variable] = value if isinstance(value, str) else json.dumps(value)
    return values


def keep(folder: Path, name: str, content: Any) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(content))


def docker(path: str, body: Any) -> None:
    socket = ["curl", "--silent", "--show-error", "--fail-with-body", "--unix-socket", "/run/docker.sock"]
    request = ["--header", "Content-Type: application/json", "--data", "@-", f"http://docker{path}"]
    subprocess.run([*socket, *request], check=True, input=json.dumps(body).encode(), stdout=sys.stderr)


def start(name: str, body: dict[str, Any], image: str) -> None:
    if subprocess.run(["docker", "image", "inspect", image], stdout=subprocess.DEVNULL, check=False).returncode:
        subprocess.run(["docker", "pull", "--quiet", image], check=True)
    docker(f"/containers/create?name={name}", body)
    subprocess.run(["docker", "start", name], check=True, stdout=subprocess.DEVNULL)


def prepared(name: str, image: str = "") -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return a declaration, the container that it asks for, and its image; unless one is named, the parameter's."""
    service = json.loads(parameter(f"{os.environ['DECLARATIONS']}/{name}"))
    image = image or parameter(f"{os.environ['IMAGES']}/{service['image']}")
    body = service["container"]
    values: dict[str, str] = {}
    if image == NOTHING:
        image = service["placeholder"]["image"]
        body["Cmd"] = service["placeholder"]["command"]
        body.pop("Healthcheck", None)
    else:
        values = told(service)
        if service["role"]:
            token = secrets.token_hex(32)
            keep(IDENTITIES, name, {"token": token, "role": service["role"]})
            values["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = f"/{token}"
    body["Image"] = image
    body["HostConfig"]["LogConfig"]["Config"]["awslogs-stream"] = f"{name}/{os.uname().nodename}"
    body["Env"] += [f"{variable}={value}" for variable, value in sorted(values.items())]
    return service, body, image


def main(name: str) -> None:
    service, body, image = prepared(name)
    keep(CHECKS, name, service["check"])
    start(name, body, image)
    os.execvp("docker", ["docker", "wait", name])


if __name__ == "__main__":
    main(sys.argv[1])
