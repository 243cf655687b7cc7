"""Slips of who comes from another tool: units, shapes, words and keys as they are written there. Each is one message that says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.settings.mistakes import Mistakes
from groundwork.settings.quantities import quantity_meant
from tests.writing import load, mistakes_in, write_project

STACK = """\
groundwork:platform: {name: shop, stage: prod, phase: growth, domain: shop.example.org}
groundwork:services:
  web: {port: 3000, path: "/*", uses: {api: connect}}
  api: {port: 8080, path: "/api/*", uses: {database: connect, cache: connect, jobs: send}}
  worker: {image: {from: api}, command: [node, worker.js], uses: {jobs: consume}}
groundwork:jobs:
  nightly: {image: {from: api}, command: [node, nightly.js], schedule: 0 2 * * ? *}
groundwork:cache: {}
groundwork:messaging: {queues: {jobs: {}}}
groundwork:secrets: {app: {keys: [TOKEN]}}
groundwork:delivery: {github: {repository: acme/shop, environments: [prod]}}
groundwork:usage: {visitors: 10000, requests: 20}
groundwork:budget: {monthly: 900}
"""
WEB, NIGHTLY, USAGE = "5 services.web", "9 jobs.nightly", "14 usage"

SLIPS = (
    # Units
    ("port: 3000", "port: 3000, memory: 1GB", f'{WEB}.memory: "1GB" is not a whole number; write 1024 (MiB)'),
    ("port: 3000", "port: 3000, memory: 512 MiB", f'{WEB}.memory: "512 MiB" is not a whole number; write 512 (MiB)'),
    ("port: 3000", "port: 3000, memory: 512m", f'{WEB}.memory: "512m" is not a whole number; write 512 (MiB)'),
    ("port: 3000", "port: 3000, cpu: 1 vCPU", f'{WEB}.cpu: "1 vCPU" is not a whole number; write 1024 (CPU units'),
    ("port: 3000", "port: 3000, drain: 1m", f'{WEB}.drain: "1m" is not a whole number; write 60 (seconds)'),
    ("port: 3000", "port: 3000, disk_gib: 30 GB", f'{WEB}.disk_gib: "30 GB" is not a whole number; write 30 (GiB)'),
    ("port: 3000", "port: 3000, scaling: {target: {cpu: 70%}}", f'{WEB}.scaling.target.cpu: "70%" is not a whole number; write 70 (percent)'),
    ("visitors: 10000", "visitors: 10k", f'{USAGE}.visitors: "10k" is not a number; write 10000'),
    ("visitors: 10000", "visitors: 10,000", "14 config.groundwork:usage.0: a key must be text; put it in quotes; or is it a part of a number? 10,000 is written 10000"),
    ("visitors: 10000", "visitors: -1", f"{USAGE}.visitors: -1 is too small; the least is 0"),
    ("monthly: 900", "monthly: $900", '15 budget.monthly: "$900" is not a number; write 900 (US dollars)'),
    # True for a number, which pydantic would take for 1
    ("port: 3000", "port: 3000, spot: true", f"{WEB}.spot: true is not a whole number"),
    ("port: 3000", "port: 3000, drain: false", f"{WEB}.drain: false is not a whole number"),
    # Shapes
    ("port: 3000", "port: 3000, command: node server.js", f'{WEB}.command: "node server.js" is not a list; write [node, server.js]'),
    ("port: 3000", "port: 3000, outbound_ports: 443", f"{WEB}.outbound_ports: 443 is not a list; write [443]"),
    ("port: 3000", "port: 3000, scaling: 3", f"{WEB}.scaling: 3 is not a mapping; its keys are concurrency, max"),
    ("{api: connect}", "[api]", f'{WEB}.uses: ["api"] is not a mapping; write each with what is said of it: {{api: …}}'),
    ("{api: connect}", "{api: }", f"{WEB}.uses.api: needs a level, or prefixes with one each"),
    ("{queues: {jobs: {}}}", "{queues: [jobs]}", '11 messaging.queues: ["jobs"] is not a mapping; write each with what is said of it: {jobs: …}'),
    ("groundwork:secrets: {app: {keys: [TOKEN]}}", "groundwork:secrets:\n  app:", "13 secrets.app.keys: is missing; it has no default"),
    ("groundwork:cache: {}", "groundwork:cache: {}\ngroundwork:network: {zones: [a, z]}", '11 network.zones[1]: "z" is not the letter of a zone'),
    # Words and keys of elsewhere
    ("port: 3000", "port: 3000, replicas: 3", f'{WEB}.replicas: unknown key; did you mean "scaling"?; allowed: '),
    ("database: connect", "postgres: connect", '6 services.api.uses.postgres: unknown; there are database, cache, jobs, app, web, api; did you mean "database"?'),
    ("groundwork:cache: {}", "groundwork:cache: {}\ngroundwork:compute: {architecture: amd64}", '11 compute.architecture: "amd64" is not allowed; use arm64 or x86_64; did you mean "x86_64"?'),
    ("groundwork:cache: {}", "groundwork:cache: {}\ngroundwork:compute: {engine: ecs}", '11 compute.engine: "ecs" is not allowed; use fargate, ecs-ec2, eks, ec2 or app-runner; did you mean "fargate"?'),
    ("groundwork:cache: {}", "groundwork:redis: {}", '10 redis: unknown layer; did you mean "cache"?; there are'),
    ("groundwork:cache: {}", "groundwork:cache: {}\ngroundwork:phase: scale", "11 phase: unknown layer; it stands under groundwork:platform, as phase"),
    ("groundwork:services", "groundwork.services", '4 groundwork.services: a configuration key needs its namespace; write "groundwork:services"'),
    ("domain: shop.example.org", "domain: https://www.shop.example.org/", '3 platform.domain: "https://www.shop.example.org/" is not a domain name; write it as example.com, without https:// and without www; did you mean "shop.example.org"?'),
    ("repository: acme/shop", "repository: acme/shop.git", '13 delivery.github.repository: "acme/shop.git" is not a repository such as "acme/shop": OWNER/NAME; did you mean "acme/shop"?'),
    ("repository: acme/shop", "repository: https://github.com/acme/shop", '13 delivery.github.repository: "https://github.com/acme/shop" is not a repository such as "acme/shop": OWNER/NAME; did you mean "acme/shop"?'),
    # Schedules
    ("0 2 * * ? *", "cron(0 2 * * ? *)", f'{NIGHTLY}.schedule: "cron(0 2 * * ? *)" is a whole schedule, and only the six fields of a cron expression belong here; did you mean "0 2 * * ? *"?'),
    ("0 2 * * ? *", "'@daily'", f'{NIGHTLY}.schedule: has 1 cron field; it needs 6: minute, hour, day of month, month, day of week, year; did you mean "0 0 * * ? *"?'),
    ("0 2 * * ? *", "rate(15 minutes)", f'{NIGHTLY}.schedule: "rate(15 minutes)" is a whole schedule, and only the six fields of a cron expression belong here; did you mean "*/15 * * * ? *"?'),
    ("0 2 * * ? *", "0 2 * * * *", f'{NIGHTLY}.schedule: needs "?" as exactly one of day of month and day of week, such as "0 2 * * ? *"; did you mean "0 2 * * ? *"?'),
    ("0 2 * * ? *", "*/5 * * * ? *", "9: not valid YAML: did not find expected alphabetic or numeric character; a key that is * wants quotes (\"*\":), and so does text that begins with * or &"),
    # Classes and regions
    ("groundwork:cache: {}", "groundwork:cache: {class: t4g.micro}", '10 cache.class: "t4g.micro" is not a class of cache nodes such as "cache.t4g.micro"; did you mean "cache.t4g.micro"?'),
    ("groundwork:cache: {}", "groundwork:cache: {}\ngroundwork:data: {class: t4g.small}", '11 data.class: "t4g.small" is not a class of databases such as "db.t4g.medium"; did you mean "db.t4g.small"?'),
    ("groundwork:cache: {}", "groundwork:cache: {}\naws:region: Frankfurt", '10 aws:region: "Frankfurt" is not a region Groundwork knows; did you mean "eu-central-1"?'),
    # Hours that are mistaken say nothing of windows and schedules
    ("stage: prod", 'stage: dev, hours: {start: "8:00"}', '3 platform.hours.start: "8:00" is not a time of day; write it as "08:00", in the platform\'s time zone'),
)  # fmt: skip


def test_a_slip_from_elsewhere_is_one_message_that_says_what_to_write(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, STACK) == []
    wrong = {}
    for right, slip, expected in SLIPS:
        assert STACK.count(right) >= 1, right
        found = mistakes_in(tmp_path, STACK.replace(right, slip, 1))
        if len(found) != 1 or not found[0].startswith(f"Pulumi.dev.yaml:{expected}"):
            wrong[slip] = found
    assert wrong == {}


def test_a_misspelt_region_and_a_misspelt_config_are_one_message_each(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, "aws:region: eu-west-1\naws:regoin: eu-west-1") == []
    folder = write_project(tmp_path, "aws:region: eu-west-1")
    file = folder / "Pulumi.dev.yaml"
    text = file.read_text(encoding="utf-8")
    for right, slip, expected in (
        ("aws:region", "aws:regoin", '3 aws:regoin: is unknown; did you mean "aws:region"?'),
        ("config:", "confg:", '1 confg: unknown key; a stack file has config, encryptionsalt, encryptedkey, secretsprovider or environment; did you mean "config"?'),
    ):  # fmt: skip
        file.write_text(text.replace(right, slip), encoding="utf-8")
        with pytest.raises(Mistakes) as raised:
            load(tmp_path)
        assert str(raised.value) == f"Pulumi.dev.yaml:{expected}"


def test_a_quantity_that_is_none_in_the_unit_of_a_setting_is_not_guessed() -> None:
    memory, days, port = ("services", "web", "memory"), ("recovery", "keep_days"), ("services", "web", "port")
    assert [quantity_meant(memory, said) for said in ("100KB", "1h", "$5", "lots", "0 MB", True, None)] == [None] * 7
    assert [quantity_meant(days, said) for said in ("36h", "1GB", "5%")] == [None] * 3
    assert quantity_meant(days, "5 weeks") == (35, "days")
    assert quantity_meant(port, "80s") is None
