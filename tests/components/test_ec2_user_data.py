"""What instances are told at birth: readable text, judged by the tools that will read it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pulumi
import pytest
import yaml

from groundwork.components.cache.settings import CacheSettings
from groundwork.components.compute.ec2 import proxy
from groundwork.components.compute.ec2.machine import Certified, Machine, Proxy, cache_container
from groundwork.components.compute.ec2.units import enabled, units
from groundwork.components.compute.ec2.user_data import LIMIT, program, programs, render
from groundwork.components.services.routes import Route

GOLDEN = Path(__file__).with_name("golden")
PROGRAMS = Path(proxy.__file__).with_name("programs")
SCHEMA = Path(
    os.environ.get(
        "CLOUD_INIT_SCHEMA", "/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json"
    )
)
"""Debian's package cloud-init brings it."""

FACTS = {
    "DIGEST": "0" * 64,
    "VOLUME": "vol-0123456789abcdef0",
    "ORIGIN_SECRET": "arn:secret",
    "BACKUPS": "chat-backups",
}


def machine(services: tuple[str, ...] = ("app", "worker"), **changes: Any) -> Machine:
    given: dict[str, Any] = {
        "group": "chat-prod-instances",
        "namespace": "chat/prod",
        "log_group": "/chat/prod/instances",
        "region": "ap-southeast-1",
        "timezone": "Asia/Singapore",
        "parameters": "/chat/prod/services",
        "programs": "/chat/prod/instances/programs",
        "services": services,
        "after": dict.fromkeys(services, ()),
    }
    return Machine(**{**given, **changes})


ROUTES = (Route("app", 1, host="api.example.com"), Route("app", 1, path="/api/*"), Route("app", 1, path="/*"))
PROXY = Proxy(ROUTES, {"app": 3000}, "x-origin-verify", Certified(("example.com", "origin.example.com")))
MVP = machine(
    proxy=PROXY,
    cache=cache_container(CacheSettings(placement="instance"), copied=True),
    volume=True,
    after={"app": ("groundwork-cache.service",), "worker": ()},
)
MACHINES = {
    "mvp": MVP,
    "hybrid": machine(proxy=PROXY, volume=True),
    "without-domain": machine(proxy=Proxy(ROUTES[1:], {"app": 3000}, "x-origin-verify", None)),
    "growth-instances": machine(("app",)),
    "growth-workers": machine(("worker",), group="chat-prod-workers"),
}
_EACH = pytest.mark.parametrize("shape", MACHINES)


def files(shape: str) -> dict[str, str]:
    content = yaml.safe_load(render(MACHINES[shape], FACTS))
    return {file["path"]: file["content"] for file in content["write_files"]}


@_EACH
def test_user_data_is_what_was_reviewed(shape: str) -> None:
    """Write it anew with GROUNDWORK_GOLDEN=write, and look at the difference."""
    text = render(MACHINES[shape], FACTS)
    golden = GOLDEN / f"user-data-{shape}.yaml"
    if os.environ.get("GROUNDWORK_GOLDEN") == "write":
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@_EACH
@pytest.mark.skipif(not SCHEMA.exists(), reason="cloud-init is not installed")
def test_cloud_init_finds_nothing_wrong(shape: str) -> None:
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), yaml.safe_load(render(MACHINES[shape], FACTS)))


@_EACH
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(shape: str, tmp_path: Path) -> None:
    for name, content in units(MACHINES[shape]).items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        # Programs that only an instance has are not what is looked for here.
        file.write_text(re.sub(r"(?m)^(Exec\w+=-?)/\S+", r"\1/bin/true", content))
    names = [f"{name}{'' if '.' in name else '.service'}" for name in enabled(MACHINES[shape])]
    answer = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in names if "@" not in name)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    said = [line for line in answer.stderr.splitlines() if "groundwork" in line and "docker.service" not in line]
    assert [line for line in said if "not found" not in line] == []


@_EACH
def test_user_data_leaves_room_below_the_limit_of_ec2(shape: str) -> None:
    assert len(render(MACHINES[shape], FACTS).encode()) < LIMIT * 3 / 4


def test_user_data_beyond_the_limit_is_a_mistake_with_the_numbers_in_it() -> None:
    many = tuple(Route("app", 1, path=f"/{number}/{'x' * 100}/*") for number in range(200))
    with pytest.raises(pulumi.RunError, match=rf"is \d+ bytes and EC2 takes {LIMIT}"):
        render(machine(proxy=Proxy(many, {"app": 3000}, "x-origin-verify", None)), FACTS)


_SHELLCHECK = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.skipif(_SHELLCHECK is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing_wrong_with_the_programs() -> None:
    scripts = sorted(map(str, PROGRAMS.glob("*.sh")))
    answer = subprocess.run(
        [str(_SHELLCHECK), "--enable=check-extra-masked-returns", *scripts], capture_output=True, text=True, check=False
    )
    assert len(scripts) == 5
    assert answer.stdout == ""


def test_programs_speak_the_python_of_amazon_linux() -> None:
    """3.9: https://docs.aws.amazon.com/linux/al2023/ug/python.html"""
    for file in PROGRAMS.glob("*.py"):
        ast.parse(file.read_text(), feature_version=(3, 9))


def test_programs_fit_into_parameters() -> None:
    for file in PROGRAMS.iterdir():
        if file.suffix in (".py", ".sh"):
            text = program(file.name)
            assert len(text.encode()) <= 4096, file.name
            assert "{{" not in text, "Parameter Store reads it as a reference"


def test_each_machine_gets_the_programs_that_its_units_start() -> None:
    for shape, each in MACHINES.items():
        started = {name for text in units(each).values() for name in re.findall(r"lib/groundwork/(\w+\.\w+)", text)}
        assert started == set(programs(each)), shape


def test_user_data_holds_references_only() -> None:
    """S4-10"""
    told = files("mvp")["/etc/groundwork/environment"]
    assert 'ORIGIN_SECRET="arn:secret"' in told
    assert 'DECLARATIONS="/chat/prod/services/declarations"' in told
    assert "PASSWORD" not in render(MVP, FACTS)


def test_the_cache_keeps_512_mb_by_least_recently_used_and_saves_every_five_minutes() -> None:
    """S4-01"""
    unit = units(MVP)["groundwork-cache.service"]
    assert "--maxmemory 512mb --maxmemory-policy allkeys-lru" in unit
    assert '--save "300 1"' in unit
    assert "--volume=/data/cache:/data" in unit
    assert "--memory=768m" in unit
    assert "--publish" not in unit


def test_the_cache_is_copied_daily_at_two_in_local_time() -> None:
    """S4-01"""
    assert "OnCalendar=*-*-* 02:00:00 Asia/Singapore\nPersistent=true" in units(MVP)["groundwork-backup.timer"]
    script = (PROGRAMS / "backup.sh").read_text()
    assert 'aws s3 cp --only-show-errors /data/cache/dump.rdb "s3://$BACKUPS/cache/' in script


def test_a_cache_that_is_copied_nowhere_has_no_timer() -> None:
    alone = machine(cache=cache_container(CacheSettings(placement="instance"), copied=False), volume=True)
    assert not any("backup" in name for name in [*units(alone), *enabled(alone), *programs(alone)])


def test_parameters_of_the_cache_are_quoted_for_systemd() -> None:
    settings = CacheSettings(placement="instance", engine="redis", parameters={"notify-keyspace-events": 'K$ "%x'})
    unit = units(machine(cache=cache_container(settings, copied=False)))["groundwork-cache.service"]
    assert r"redis-server --port 6379" in unit
    assert r'--notify-keyspace-events "K$$ \"%%x"' in unit


def test_services_start_after_what_they_use() -> None:
    order = units(MVP)["groundwork@app.service.d/order.conf"]
    assert "After=groundwork-cache.service" in order
    assert "groundwork@worker.service.d/order.conf" not in units(MVP)


def test_the_proxy_answers_cloudfront_alone_and_sends_each_path_to_its_service() -> None:
    text = proxy.configuration(PROXY)
    assert text.count("if ($known = 0) { return 404; }") == 2
    assert "map $http_x_origin_verify $known { default 0; include /run/groundwork/origin.conf; }" in text
    assert "listen 443 ssl default_server" in text
    assert text.index('location ~ "^/api/.*$"') < text.index('location ~ "^/.*$"')
    assert "proxy_set_header Upgrade $http_upgrade" in text


def test_without_a_certificate_the_proxy_speaks_http() -> None:
    text = files("without-domain")["/etc/groundwork/nginx.conf"]
    assert "listen 80 default_server" in text
    assert "ssl" not in text


@pytest.mark.parametrize(
    ("path", "matches", "others"),
    [
        ("/api/*", ["/api/", "/api/x/y"], ["/api", "/xapi/"]),
        ("/v?/x", ["/v1/x"], ["/v/x", "/v12/x", "/v1/x/"]),
        ('/a.b$"+(c', ['/a.b$"+(c'], ['/aXb$"+(c']),
    ],
)
def test_a_path_pattern_matches_as_at_a_load_balancer(path: str, matches: list[str], others: list[str]) -> None:
    pattern = re.compile(proxy._pattern(path))
    assert '"' not in pattern.pattern
    assert all(pattern.search(match) for match in matches)
    assert not any(pattern.search(other) for other in others)


def test_nothing_is_set_up_for_ssh() -> None:
    """S4-08"""
    for each in MACHINES.values():
        assert "ssh" not in render(each, FACTS).lower()
