"""What jobs, shared images and singletons cannot be, each one message at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.settings.loading import Loaded
from tests.writing import load, mistakes_in, write_project

API = 'api: {port: 8080, path: "/*"}'
RUN = "command: [run]"


def job(said: str, *, engine: str = "fargate", services: str = API) -> str:
    return f"""
        groundwork:compute: {{engine: {engine}}}
        groundwork:services:
          {services}
        groundwork:jobs:
          one: {said}
        """


def service(said: str, *, compute: str = "engine: fargate") -> str:
    return f"""
        groundwork:compute: {{{compute}}}
        groundwork:services:
          {API}
          beat: {said}
        """


@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        (job(f"{{image: {{from: apj}}, {RUN}}}"), "8 jobs.one.image.from", 'there is no service "apj"; did you mean "api"?'),
        (job("{image: {from: api}}"), "8 jobs.one.command", "without it the job would run what api runs"),
        (job(f"{{image: {{from: api}}, {RUN}, when: before_deploy, schedule: 0 3 * * ? *}}"), "8 jobs.one.when", "leave out when or schedule"),
        (job(f"{{{RUN}, when: before_deploy}}"), "8 jobs.one.image", "image: {from: SERVICE}"),
        (
            job(f"{{image: {{from: api}}, {RUN}, when: before_deploy}}", services='api: {port: 8080, path: "/*", tag: "1"}'),
            "6 services.api.tag",
            "so that images are delivered, and one runs before them",
        ),
        (job(f"{{image: {{from: api}}, {RUN}, schedule: 0 3 * * * *}}"), "8 jobs.one.schedule", 'needs "?" as exactly one of'),
        (job(f"{{image: {{from: api}}, {RUN}, schedule: 0 25 * * ? *}}"), "8 jobs.one.schedule", 'has "25" as hour'),
        (job(f"{{image: {{from: api}}, {RUN}, schedule: {{cron: 0 3 * * ? *, timezone: Europe/Berlni}}}}"), "8 jobs.one.schedule.timezone", "is not an IANA time zone"),
        (job(f"{{image: {{from: api}}, {RUN}, schedule: 0 3 * * ? *, timeout: 60}}"), "8 jobs.one.timeout", "[timeout, 60s, …]"),
        (job(f"{{image: {{from: api}}, {RUN}, retries: 2}}"), "8 jobs.one.retries", "ECS tries no task again"),
        (job(f"{{image: {{from: api}}, {RUN}, uses: {{api: connect}}}}"), "8 jobs.one.uses.api", "a job is a task of none"),
        (job(f"{{image: {{from: api}}, {RUN}, uses: {{databse: connect}}}}"), "8 jobs.one.uses.databse", "unknown; there are"),
        (job(f"{{image: {{from: api}}, {RUN}, cpu: 300}}"), "8 jobs.one.cpu", "300 is not a Fargate CPU size"),
        (job(f"{{image: {{from: api}}, {RUN}, memory: 700}}"), "8 jobs.one.memory", "700 MiB does not go with"),
        (job(f"{{image: {{from: api}}, {RUN}, stop_timeout: 600}}"), "8 jobs.one.stop_timeout", "more than the 120 that ECS waits"),
        (job(f"{{image: {{from: api}}, {RUN}, environment: {{DB_PASSWORD: hunter2-and-more}}}}"), "8 jobs.one.environment.DB_PASSWORD", "let the job use that"),
        (job(f"{{image: {{from: api}}, {RUN}, tag: '3'}}"), "8 jobs.one.tag", "whose image this is"),
        (job(f"{{image: {{from: api}}, {RUN}, build: .}}"), "8 jobs.one.build", "goes with services.api, whose image this is"),
        (job(f"{{image: 'team/one:1', {RUN}, build: .}}"), "8 jobs.one.build", "image names another; leave one out"),
        (job(f"{{tag: '1', {RUN}, build: .}}"), "8 jobs.one.build", "tag says that pulumi up brings the image"),
        (job(f"{{{RUN}, build: /abs}}"), "8 jobs.one.build", 'is not a path such as "docker/web.Dockerfile"'),
        (job(f"{{{RUN}, build: {{context: 'https://x/y'}}}}"), "8 jobs.one.build.context", "relative to the stack file"),
        (job(f"{{{RUN}, build: {{target: -x}}}}"), "8 jobs.one.build.target", "is not the name of a stage"),
        (job(f"{{{RUN}, build: {{args: {{NPM_TOKEN: hunter2-and-more}}}}}}"), "8 jobs.one.build.args.NPM_TOKEN", "whoever has the image can read"),
        (job(f"{{image: {{from: api}}, {RUN}, port: 80}}"), "8 jobs.one.port", "unknown"),
        (job(f"{{image: {{from: api}}, {RUN}}}", engine="app-runner"), "7 jobs", "App Runner runs only what answers HTTP"),
        (job(f"{{image: {{from: api}}, {RUN}}}", services='one: {port: 8080, path: "/*"}\n          api: {port: 8081, path: "/api/*"}'), "9 jobs.one", "is also the name of a service"),
        (service("{image: {from: beat}}"), "7 services.beat.image.from", "goes round in a circle"),
        (service("{image: {from: api}, tag: '3'}"), "7 services.beat.tag", "goes with services.api"),
        (service("{singleton: true, scaling: {min: 2, max: 4}}"), "7 services.beat.scaling", "a singleton is one"),
        (service("{singleton: true, scaling: {target: {cpu: 50}}}"), "7 services.beat.scaling", "a singleton is one"),
        (service("{singleton: true}", compute="engine: ec2, instances: {class: t3.medium, max: 2}"), "7 services.beat.singleton", "set max: 1"),
        (service("{stop_timeout: 121}"), "7 services.beat.stop_timeout", "let what takes longer be taken up again"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_message_at_its_line(config: str, path: str, words: str, tmp_path: Path) -> None:
    found = mistakes_in(tmp_path, config)
    assert len(found) == 1, found
    assert found[0].startswith(f"Pulumi.dev.yaml:{path}: ")
    assert words in found[0]


def test_a_mistake_of_a_service_is_told_once_however_many_jobs_take_it_over(tmp_path: Path) -> None:
    services = 'api: {port: 8080, path: "/*", cpu: 300, uses: {databse: connect}, stop_timeout: 200}'
    found = mistakes_in(tmp_path, job(f"{{image: {{from: api}}, {RUN}}}", services=services))
    assert sorted(message.split(": ")[0].split(" ")[1] for message in found) == [
        "services.api.cpu",
        "services.api.stop_timeout",
        "services.api.uses.databse",
    ]


def scaling(loaded: Loaded, name: str) -> tuple[int, int]:
    found = loaded.settings.services[name].scaling
    return found.min, found.max


def test_what_all_services_scale_by_does_not_hold_for_a_singleton(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        """
        groundwork:platform: {name: shop, stage: dev, phase: growth}
        groundwork:services:
          "*": {scaling: {max: 6, target: {memory: 80}}}
          api: {port: 8080, path: "/*"}
          beat: {image: {from: api}, command: [celery, beat], singleton: true}
        """,
    )
    loaded = load(tmp_path)
    assert scaling(loaded, "api") == (4, 6)
    assert scaling(loaded, "beat") == (1, 1)
    assert loaded.settings.services["beat"].scaling.target is None


def test_a_job_on_ecs_takes_over_its_services_uses_but_for_services(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        """
        groundwork:services:
          api: {port: 8080, path: "/*"}
          web: {port: 8081, path: "/web/*", uses: {api: connect, app: read}}
        groundwork:jobs:
          one: {image: {from: web}, command: [run]}
        groundwork:secrets: {app: {keys: [TOKEN]}}
        """,
    )
    assert list(load(tmp_path).settings.job("one").uses) == ["app"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("0 3 * * *", "0 3 * * ? *"),
        ("*/15 8-18 * * 1-5", "*/15 8-18 ? * 2-6 *"),
        ("0 0 * * 0,7", "0 0 ? * 1,1 *"),
        ("0 0 1 * MON", None),
        ("60 3 * * *", None),
    ],
)
def test_a_line_of_crontab_is_told_what_it_is_here(said: str, meant: str | None, tmp_path: Path) -> None:
    [found] = mistakes_in(tmp_path, job(f'{{image: {{from: api}}, {RUN}, schedule: "{said}"}}'))
    assert "has 5 cron fields; it needs 6" in found
    assert found.endswith(f'did you mean "{meant}"?') if meant else "did you mean" not in found


PROXY = "image: public.ecr.aws/x/proxy:1"


@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        (service(f"{{sidecars: {{beat: {{{PROXY}}}}}}}"), "7 services.beat.sidecars.beat", "call the sidecar something else"),
        (service(f"{{sidecars: {{proxy: {{{PROXY}, variables: [LOG_LEVLE]}}}}, environment: {{LOG_LEVEL: x}}}}"), "7 services.beat.sidecars.proxy.variables", 'did you mean "LOG_LEVEL"?'),
        (service(f"{{cpu: 256, memory: 512, sidecars: {{proxy: {{{PROXY}, memory: 400}}}}}}"), "7 services.beat.memory", "sidecars take 400 of the 512 MiB"),
        (service(f"{{sidecars: {{proxy: {{{PROXY}, environment: {{API_TOKEN: abc-def}}}}}}}}"), "7 services.beat.sidecars.proxy.environment.API_TOKEN", "name it under variables"),
        (service(f"{{sidecars: {{proxy: {{{PROXY}}}}}}}", compute="engine: ec2, instances: {class: t3.large, max: 1}"), "7 services.beat.sidecars", "go with the engines fargate, ecs-ec2 or eks"),
        (service("{sidecars: {proxy: {}}}"), "7 services.beat.sidecars.proxy.image", "is missing"),
    ],
)  # fmt: skip
def test_a_sidecar_that_cannot_be_is_one_message(config: str, path: str, words: str, tmp_path: Path) -> None:
    found = mistakes_in(tmp_path, config)
    assert len(found) == 1, found
    assert found[0].startswith(f"Pulumi.dev.yaml:{path}: ")
    assert words in found[0]


def test_no_job_is_started_while_its_database_is_stopped(tmp_path: Path) -> None:
    def found(cron: str, uses: str = "{database: connect}") -> list[str]:
        config = job(f"{{image: {{from: api}}, {RUN}, uses: {uses}, schedule: {cron}}}")
        hours = "groundwork:platform: {name: shop, stage: dev, phase: mvp, hours: {start: '08:00', stop: '18:00'}}"
        within = "groundwork:data: {backup: {window: 16:00-16:30}}"
        return mistakes_in(tmp_path, f"        {hours}\n        {within}\n{config}")

    [outside] = found("0 3 * * ? *")
    assert "starts it at 03:00, when the database is stopped (platform.hours: 08:00–18:00)" in outside
    assert found("30 9 * * ? *") == []
    assert found("0 3 * * ? *", uses="{}") == []
