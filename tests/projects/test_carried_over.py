"""What a Compose file, a Procfile, fly.toml, render.yaml and Copilot's manifests become, and what of them does not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.services.checks import looks_secret
from groundwork.projects.sources import compose
from groundwork.projects.sources.application import Application, Left
from groundwork.projects.sources.compose import dockerfile_facts
from groundwork.projects.sources.images import known
from groundwork.projects.sources.interpolation import interpolated
from groundwork.projects.sources.reading import mebibytes, names_in, seconds
from groundwork.projects.sources.secrecy import is_secret, tells_secret
from groundwork.projects.sources.source import Format, read_application
from groundwork.projects.sources.translation import Translation, translated
from groundwork.projects.stack_text import stack_lines
from groundwork.settings.mistakes import Mistakes
from groundwork.settings.schedules import eventbridge_cron
from groundwork.settings.stack_file import Document

SHOP = """
x-app: &app
  build: {context: ., target: production}
  env_file: [.env]
  environment: &environment
    DATABASE_URL: postgres://shop:hunter2@db:5432/shop
    CELERY_BROKER_URL: redis://redis:6379/1
    DEBUG: ${DEBUG:-off}
    SECRET_KEY: ${SECRET_KEY:?say one}
    EMAIL_URL: smtp://mailhog:1025
  depends_on: [db, redis]
services:
  web:
    <<: *app
    command: gunicorn shop.wsgi --bind 0.0.0.0:8000
    ports: ["127.0.0.1:80:8000", "9229:9229"]
    healthcheck: {test: [CMD, curl, -f, "http://localhost:8000/up"], start_period: 1m}
    deploy: {replicas: 3, resources: {limits: {cpus: "0.5", memory: 900M}}}
    volumes: [".:/app", "media:/app/media"]
  worker:
    <<: *app
    command: celery -A shop worker
    stop_grace_period: 1m30s
  beat:
    <<: *app
    command: celery -A shop beat
  migrate:
    <<: *app
    command: python manage.py migrate
  frontend:
    build: frontend
    environment: {API: "http://web:8000", DEEP: "http://web:8000/graphql"}
    expose: ["3000"]
  db:
    image: postgis/postgis:16-3.4
    environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: hunter2, POSTGRES_DB: shop}
    volumes: ["pg:/var/lib/postgresql/data"]
  redis: {image: "redis:7-alpine"}
  mailhog: {image: mailhog/mailhog, ports: ["8025:8025"]}
  proxy: {image: "nginx:1.27", ports: ["443:443"], depends_on: [web]}
volumes: {pg: {}, media: {}}
"""


def carried(folder: Path, text: str, name: str = "compose.yaml") -> tuple[dict[str, Any], Application, Translation]:
    """Read a file and return the layers, what was read, and all that was made of it."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text), encoding="utf-8")
    application = read_application(file)
    translation = translated(application)
    return translation.layers, application, translation


def service(folder: Path, text: str, more: str = "") -> tuple[dict[str, Any], list[Left]]:
    """Return what the service ``app`` of a Compose file becomes, and what is not carried over."""
    indented = indent(dedent(text).strip(), "    ")
    more = indent(dedent(more), "  ")
    layers, application, _ = carried(folder, f"services:\n  app:\n    image: example/app:1\n{indented}\n{more}")
    return layers["services"]["app"], application.left


def test_a_volume_that_several_share_becomes_files_and_what_one_keeps_does_not(tmp_path: Path) -> None:
    text = """
    services:
      web: {image: "example/app:1", ports: ["80:8000"], volumes: ["Media_Files:/app/media/", "own:/data"]}
      worker: {image: "example/worker:1", volumes: [{type: volume, source: Media_Files, target: /srv/media, read_only: true}]}
      cron: {image: "example/worker:1", volumes: ["Media_Files:/media:ro"]}
    """
    layers, application, _ = carried(tmp_path, text)
    assert layers["files"] == {"media-files": {}}
    uses = {name: service["uses"]["media-files"] for name, service in layers["services"].items()}
    assert uses == {
        "web": {"level": "read-write", "path": "/app/media"},
        "worker": {"level": "read", "path": "/srv/media"},
        "cron": {"level": "read", "path": "/media"},
    }
    assert [(left.what, left.reason.partition(",")[0]) for left in application.left] == [
        ("web: own:/data", "copies come and go")
    ]
    [note] = [note for note in application.notes if "file system" in note.reason]
    assert (note.where, note.what) == ("compose.yaml:3", "Media_Files")
    # An engine that mounts nothing is told of each.
    application = read_application(tmp_path / "compose.yaml")
    assert "files" not in translated(application, mounts=False).layers
    assert len([left for left in application.left if "copies come and go" in left.reason]) == 4


def test_a_compose_file_becomes_layers_uses_jobs_and_a_secret(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("STRIPE_KEY=sk_live_do_not_read_me\nexport REDIS_URL=\n", encoding="utf-8")
    layers, application, translation = carried(tmp_path, SHOP)
    database = {"level": "connect", "variables": ["DATABASE_URL"]}
    cache = {"level": "connect", "variables": {"CELERY_BROKER_URL": "CACHE_URL", "REDIS_URL": "CACHE_URL"}}
    told = {"environment": {"DEBUG": "off"}, "uses": {"database": database, "cache": cache, "app": "read"}}
    assert layers == {
        "services": {
            "web": {
                "port": 8000,
                "path": "/*",
                "health": "/up",
                "build": {"context": ".", "target": "production"},
                "command": ["gunicorn", "shop.wsgi", "--bind", "0.0.0.0:8000"],
                "cpu": 512,
                "memory": 1024,
                "start_period": 60,
                **told,
            },
            "worker": {
                "image": {"from": "web"},
                "command": ["celery", "-A", "shop", "worker"],
                "stop_timeout": 90,
                **told,
            },
            "beat": {"image": {"from": "web"}, "command": ["celery", "-A", "shop", "beat"], "singleton": True, **told},
            "frontend": {
                "port": 3000,
                "build": "frontend",
                "environment": {"DEEP": "http://web:8000/graphql"},
                "uses": {"web": {"level": "connect", "variables": {"API": "WEB_URL"}}},
            },
        },
        # What a job does not say it has from the service whose image it runs.
        "jobs": {
            "migrate": {
                "image": {"from": "web"},
                "command": ["python", "manage.py", "migrate"],
                "when": "before_deploy",
            }
        },
        "data": {"version": "16", "name": "shop"},
        "cache": {"purpose": "jobs"},
        "secrets": {"app": {"keys": ["STRIPE_KEY", "SECRET_KEY"]}},
    }
    assert translation.copies == {"web": {"min": 3, "max": 3}}
    assert [(item.where, item.what) for item in application.left] == [
        ("compose.yaml:37", "db: data"),
        ("compose.yaml:39", "mailhog"),
        ("compose.yaml:19", "web: media:/app/media"),
        ("compose.yaml:10", "web: EMAIL_URL"),
        ("compose.yaml:10", "worker: EMAIL_URL"),
        ("compose.yaml:10", "beat: EMAIL_URL"),
        ("compose.yaml:10", "migrate: EMAIL_URL"),
    ]
    assert application.became == [("`proxy` (nginx)", "CloudFront and the load balancer")]


def test_names_of_secrets_are_seen_with_and_without_a_value() -> None:
    secret = [
        "DB_PASSWORD",
        "PGPASSWORD",
        "smtpPassword",
        "SECRET_KEY_BASE",
        "RAILS_MASTER_KEY",
        "API_TOKEN",
        "SENTRY_DSN",
    ]
    plain = [
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "MONKEY",
        "PASSWORD_MIN_LENGTH",
        "PORT",
    ]
    for value in (None, "", "12345678", "some words"):
        assert [name for name in secret if not is_secret(name, value)] == []
    assert [name for name in plain if is_secret(name, None) or is_secret(name, "30")] == []


def test_values_of_secrets_are_seen_by_their_shape() -> None:
    secret = [
        "amqp://guest:guest@queue:5672",
        "redis://:pass@redis:6379/0",
        "0123456789abcdef0123456789abcdef",
        "https://hooks.slack.com/services/T0/B0/x",
        "Bearer abcdefghijk",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN PRIVATE KEY-----",
        "host=db user=shop password=x",
        "https://example.com/?token=abcdef123",
    ]
    plain = ["postgres://db:5432/shop", "info", "8080", "https://example.com/?page=2", "en_US.UTF-8", "a,b,c", ""]
    assert [value for value in secret if not is_secret("NAME", value)] == []
    assert [value for value in plain if is_secret("NAME", value)] == []
    assert tells_secret(["redis-server", "--requirepass", "x"])
    assert tells_secret(["sh", "-c", "TOKEN=x run"])
    assert not tells_secret(["celery", "-A", "shop", "worker", "--pool", "solo"])


@given(st.text(max_size=40), st.text(max_size=60))
def test_whatever_the_settings_would_refuse_as_a_secret_is_taken_for_one(name: str, value: str) -> None:
    assert is_secret(name, value) or not looks_secret(name, value)


def test_two_values_of_one_secret_are_two_keys(tmp_path: Path) -> None:
    text = """
    services:
      a: {image: x/a, environment: {SECRET_KEY: one}}
      b: {image: x/b, environment: {SECRET_KEY: two}}
      c: {image: x/c, environment: {SECRET_KEY: one}}
    """
    layers, _, _ = carried(tmp_path, text)
    assert layers["secrets"] == {"app": {"keys": ["SECRET_KEY", "B_SECRET_KEY"]}}
    assert layers["edge"] is None, "nothing of it is seen from outside"
    assert layers["services"]["b"]["uses"]["app"]["variables"] == {"SECRET_KEY": "B_SECRET_KEY"}
    assert layers["services"]["c"]["uses"]["app"]["variables"] == ["SECRET_KEY"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("plain", "plain"),
        ("$$HOME", "$HOME"),
        ("${A:-x}/${B-y}", "x/y"),
        ("${A:-${B:-deep}}", "deep"),
        ("${A:+there}", ""),
        ("${A:-}", ""),
        ("${A}", None),
        ("x-$A", None),
        ("${A:?say it}", None),
        ("${A", None),
        ("${A:-" * 50 + "}" * 50, None),
    ],
)
def test_variables_in_values_are_their_defaults(said: str, expected: str | None) -> None:
    assert interpolated(said) == expected


def test_an_environment_is_given_ours_under_the_names_that_it_looks_for(tmp_path: Path) -> None:
    more = """
      db: {image: "postgres:17", environment: {POSTGRES_PASSWORD: secret-word}}
      cache: {image: "valkey/valkey:8"}
      find: {image: "opensearchproject/opensearch:2"}
      minio: {image: minio/minio}
      sqs: {image: softwaremill/elasticmq-native}
    """
    cases: dict[str, dict[str, Any]] = {
        "DB_HOST: db, DB_PORT: 5432, DB_USER: me, DB_PASS: word, DB_NAME: shop": {
            "database": {
                "level": "connect",
                "variables": {
                    "DB_HOST": "DATABASE_HOST",
                    "DB_PORT": "DATABASE_PORT",
                    "DB_USER": "DATABASE_USERNAME",
                    "DB_PASS": "DATABASE_PASSWORD",
                    "DB_NAME": "DATABASE_NAME",
                },
            }
        },
        "GITEA__database__HOST: db, GITEA__database__PASSWD: x": {
            "database": {
                "level": "connect",
                "variables": {"GITEA__database__HOST": "DATABASE_HOST", "GITEA__database__PASSWD": "DATABASE_PASSWORD"},
            }
        },
        "PGHOST: db, PGPASSWORD: x": {
            "database": {
                "level": "connect",
                "variables": {"PGHOST": "DATABASE_HOST", "PGPASSWORD": "DATABASE_PASSWORD"},
            }
        },
        # A place without a login would be of no use, nor a login without a place.
        "POSTGRES_USER: , POSTGRES_PASSWORD: ": {
            "database": {
                "level": "connect",
                "variables": {
                    "POSTGRES_USER": "DATABASE_USERNAME",
                    "POSTGRES_PASSWORD": "DATABASE_PASSWORD",
                    "DATABASE_URL": "DATABASE_URL",
                },
            }
        },
        "REDIS_HOST: cache": {
            "cache": {"level": "connect", "variables": {"REDIS_HOST": "CACHE_HOST", "CACHE_URL": "CACHE_URL"}}
        },
        'URI: "redis://:${P}@cache:6379/0"': {"cache": {"level": "connect", "variables": {"URI": "CACHE_URL"}}},
        'ES: "http://find:9200"': {"search": {"level": "write", "variables": {"ES": "SEARCH_ENDPOINT"}}},
        'S3_ENDPOINT: "http://minio:9000", S3_BUCKET: pictures, AWS_ACCESS_KEY_ID: x, AWS_REGION: eu-west-1': {
            "pictures": {"level": "read-write", "variables": {"S3_BUCKET": "PICTURES_BUCKET"}}
        },
        'MAILS: "http://sqs:9324/000000000000/mails.fifo"': {
            "mails.fifo": {"level": "consume", "variables": {"MAILS": "MAILS_QUEUE_URL"}}
        },
        "DATABASE_URL: ": {"database": {"level": "connect", "variables": ["DATABASE_URL"]}},
        # Another's database, and words that are no hosts.
        'DATABASE_URL: "postgres://db.example.com/x", ROLE: db, HELP: "the db"': {},
    }
    for number, (environment, uses) in enumerate(cases.items()):
        found, _ = service(tmp_path / str(number), f"environment: {{{environment}}}", more)
        assert found.get("uses", {}) == uses, environment
    assert found["environment"] == {"DATABASE_URL": "postgres://db.example.com/x", "ROLE": "db", "HELP": "the db"}


def test_a_broker_of_celery_is_the_cache_and_any_other_a_queue(tmp_path: Path) -> None:
    text = """
    services:
      app: {image: x/app, command: COMMAND, environment: {BROKER: "amqp://guest:guest@rabbit:5672//"}}
      rabbit: {image: "rabbitmq:3-management"}
    """
    layers, _, _ = carried(tmp_path / "celery", text.replace("COMMAND", "celery worker"))
    assert layers["cache"] == {"purpose": "jobs"}
    assert layers["services"]["app"]["uses"] == {"cache": {"level": "connect", "variables": {"BROKER": "CACHE_URL"}}}
    layers, application, _ = carried(tmp_path / "other", text.replace("COMMAND", "java -jar x"))
    assert layers["messaging"] == {"queues": {"jobs": {}}}
    assert layers["services"]["app"]["uses"] == {"jobs": "consume"}
    assert {"rabbit", "app: BROKER"} <= {item.what for item in application.left}


@pytest.mark.parametrize(
    ("said", "what", "reason"),
    [
        ("privileged: true", "privileged", "no rights on their host"),
        ("network_mode: host", "network_mode host", "address of its own"),
        (
            "volumes: [/var/run/docker.sock:/var/run/docker.sock]",
            "/var/run/docker.sock:/var/run/docker.sock",
            "no Docker",
        ),
        ("volumes: [./data:/data]", "./data:/data", "a folder of the host"),
        ("volumes: [{type: volume, source: data, target: /data}]", "data:/data", "copies come and go"),
        ("gpus: all", "GPU", "no GPU"),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}", "GPU", "no GPU"),
        ("extends: {file: other.yaml, service: x}", "extends", "another file"),
        ("user: root", "user root", "no container runs as root"),
        ("entrypoint: /start.sh", "entrypoint", "ENTRYPOINT"),
        ('ports: ["5000-5010:5000-5010"]', "port 5000-5010:5000-5010", "range of ports"),
        ('ports: ["53:53/udp"]', "port 53:53/udp", "HTTP over TCP"),
        ('command: "serve --token abc"', "command", "a secret is in it"),
        ("env_file: missing.env", "env_file missing.env", "not here"),
        ("sysctls: {net.core.somaxconn: 1024}", "sysctls", "the host's"),
        ("colour: red", "colour", "no key of a service"),
        ('environment: {DEBUG: "1"}', "DEBUG", "others would see"),
        ("environment: {NODE_ENV: development}", "NODE_ENV", "others would see"),
        ("environment: {a.b: c}", "a.b", "no name of a variable"),
        ("cpus: 100", "cpu and memory", "largest size"),
    ],
)
def test_what_cannot_be_carried_over_is_named_with_its_line_and_reason(
    tmp_path: Path, said: str, what: str, reason: str
) -> None:
    _, left = service(tmp_path, said)
    assert len(left) == 1, left
    assert left[0].what == f"app: {what}"
    assert reason in left[0].reason
    assert left[0].where == f"compose.yaml:{2 if 'cpus' in said or 'token' in said else 4}"


def test_what_goes_without_saying_is_not_named(tmp_path: Path) -> None:
    said = """
    restart: unless-stopped
    container_name: shop
    labels: {a: b}
    logging: {driver: json-file}
    tty: true
    init: true
    read_only: true
    privileged: false
    cap_add: []
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    networks: [default]
    volumes: ["/app/node_modules"]
    tmpfs: ["/run/app"]
    x-mine: 1
    """
    found, left = service(tmp_path, said)
    assert left == []
    assert found == {"image": "example/app:1", "writable_paths": ["/tmp", "/run/app"]}


@pytest.mark.parametrize(
    ("ports", "port", "path"),
    [
        ('["8080:3000"]', 3000, "/*"),
        ('["127.0.0.1:8080:3000/tcp"]', 3000, "/*"),
        ('["[::1]:8080:3000"]', 3000, "/*"),
        ("[3000]", 3000, "/*"),
        ('["${PORT:-8080}:3000"]', 3000, "/*"),
        ('["${PORT}:3000"]', 3000, "/*"),
        ("[{target: 3000, published: 80, protocol: tcp}]", 3000, "/*"),
        ('["9229:9229", "3000:3000"]', 3000, "/*"),
        ('["443:443", "80:80"]', 8080, "/*"),
        ('["3000:${PORT}"]', None, None),
        ('["x:y"]', None, None),
    ],
)
def test_a_published_port_is_public_and_never_below_1024(
    tmp_path: Path, ports: str, port: int | None, path: str | None
) -> None:
    found, _ = service(tmp_path, f"ports: {ports}")
    assert (found.get("port"), found.get("path")) == (port, path)


def test_what_users_see_gets_every_path_and_the_rest_one_of_their_own(tmp_path: Path) -> None:
    text = """
    services:
      backend: {build: b, ports: ["8000:8000"]}
      admin: {build: a, labels: ["traefik.http.routers.a.rule=Host(`a`)", "traefik.http.services.a.loadbalancer.server.port=9000"]}
      frontend: {build: f, ports: ["80:3000"]}
      internal: {build: i}
      other: {build: o, environment: {WHERE: "http://internal:7000"}}
    """
    layers, _, _ = carried(tmp_path, text)
    reached = {name: (entry.get("port"), entry.get("path")) for name, entry in layers["services"].items()}
    assert reached == {
        "backend": (8000, "/api/*"),
        "admin": (9000, "/admin/*"),
        "frontend": (3000, "/*"),
        "internal": (7000, None),
        "other": (None, None),
    }


def test_services_of_one_build_share_an_image_and_a_worker_has_no_port_of_it(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM node:22 AS base\nFROM base\nEXPOSE 4000\n", encoding="utf-8")
    text = """
    services:
      worker: {build: ., command: node worker.js}
      web: {build: .}
      same: {image: "shop:dev", command: node same.js}
      made: {build: ./made, image: "shop:dev"}
    """
    layers, _, _ = carried(tmp_path, text)
    assert layers["services"] == {
        "worker": {"image": {"from": "web"}, "command": ["node", "worker.js"]},
        "web": {"port": 4000, "path": "/*", "build": "."},
        "same": {"image": {"from": "made"}, "command": ["node", "same.js"]},
        "made": {"build": "made"},
    }


def test_a_build_is_carried_over_from_where_the_project_will_be_and_without_what_its_image_would_give_away(
    tmp_path: Path,
) -> None:
    text = """
    services:
      api:
        build:
          context: ./api
          dockerfile: ../docker/api.Dockerfile
          args: [VERSION=22, "MODE=${MODE:-fast}", NPM_TOKEN=npm_abcdefghijklmnopqrstuvwxyz, COMMIT]
          ssh: [default]
      far: {build: "https://github.com/team/far.git"}
      inline: {build: {dockerfile_inline: "FROM scratch"}}
    """
    _, application, _ = carried(tmp_path, text)
    services = translated(application, tmp_path / "infra" / "shop").layers["services"]
    assert services["api"]["build"] == {
        "context": "../../api",
        "dockerfile": "../../docker/api.Dockerfile",
        "args": {"VERSION": "22", "MODE": "fast"},
    }
    assert "build" not in {**services["far"], **services["inline"]}
    left = {item.what: item.reason for item in application.left}
    assert "may be a secret" in left["api: build.args.NPM_TOKEN"]
    assert "has no value in the file" in left["api: build.args.COMMIT"]
    assert "is no setting of a build here" in left["api: build.ssh"]
    assert "no folder here" in left["far: build"]
    assert "no folder here" in left["inline: build"]


def test_a_dockerfile_says_what_an_image_begins_with() -> None:
    text = (
        "ARG V=1\nFROM --platform=linux/amd64 postgres:16 AS base\nEXPOSE 5432/tcp 9000\nFROM base AS last\nFROM ${X}\n"
    )
    assert dockerfile_facts(text, "last") == ("postgres:16", 5432)
    assert dockerfile_facts(text)[0] == ""


@pytest.mark.parametrize(
    ("image", "layer"),
    [
        ("postgres", "database"),
        ("docker.io/library/postgres:16.2-alpine@sha256:0", "database"),
        ("public.ecr.aws/docker/library/redis:7", "cache"),
        ("bitnami/valkey:8", "cache"),
        ("docker.elastic.co/elasticsearch/elasticsearch:8.1", "search"),
        ("quay.io/minio/minio", "bucket"),
        ("localstack/localstack:3", "aws"),
        ("rabbitmq:3-management", "queue"),
        ("registry.example.com:5000/team/redis-proxy:1", None),
        ("ghcr.io/team/web:1", None),
        ("mysql:8", ""),
        ("confluentinc/cp-kafka:7", ""),
        ("mongo:7", ""),
    ],
)
def test_an_image_is_known_by_its_repository(image: str, layer: str | None) -> None:
    found = known(image)
    assert (found.layer if found else None) == layer
    if layer == "":
        assert found is not None
        assert found.reason


def test_one_off_services_are_jobs(tmp_path: Path) -> None:
    text = """
    services:
      web: {image: "x/web:1", ports: ["3000:3000"]}
      migrate: {image: "x/web:1", command: rails db:migrate, restart: on-failure}
      seed: {image: "x/web:1", command: rails db:seed, profiles: [tools]}
      assets: {image: "x/web:1", command: yarn build, profiles: [tools], restart: "no"}
      once: {image: "x/once:1", command: run}
      after: {image: "x/after:1", depends_on: {once: {condition: service_completed_successfully}}}
    """
    layers, application, _ = carried(tmp_path, text)
    assert layers["jobs"] == {
        "migrate": {"image": {"from": "web"}, "command": ["rails", "db:migrate"], "when": "before_deploy"},
        "seed": {"image": "x/web:1", "command": ["rails", "db:seed"]},
        "once": {"image": "x/once:1", "command": ["run"]},
    }
    # Else an update of the stack would bring the image before the migration.
    assert layers["services"]["web"]["image_owner"] == "pipeline"
    assert [item.what for item in application.left] == ["assets"]


def test_a_second_database_is_not_taken_for_the_first(tmp_path: Path) -> None:
    text = """
    services:
      app: {image: x/app, environment: {ONE: "postgres://one/a", TWO: "postgres://two/b"}}
      one: {image: "postgres:16"}
      two: {image: "postgres:16"}
    """
    layers, application, _ = carried(tmp_path, text)
    assert layers["services"]["app"]["uses"] == {"database": {"level": "connect", "variables": {"ONE": "DATABASE_URL"}}}
    assert {"two", "app: TWO"} <= {item.what for item in application.left}


def test_a_procfile_and_app_json_become_services_and_a_job_before_deployments(tmp_path: Path) -> None:
    (tmp_path / "app.json").write_text(
        '{"name": "My Shop", "addons": ["heroku-postgresql:mini", {"plan": "heroku-redis"}, "papertrail"],'
        ' "env": {"SECRET": {"generator": "secret"}, "LOG": {"value": "info"}}, "formation": {"worker": {"quantity": 2}}}',
        encoding="utf-8",
    )
    text = """\
    # how it runs
    web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT
    worker: celery -A shop worker
    clock: python clock.py
    release: python manage.py migrate
    """
    layers, application, translation = carried(tmp_path, text, "Procfile")
    services = layers["services"]
    assert services["web"]["command"] == ["sh", "-c", "gunicorn shop.wsgi --bind 0.0.0.0:$PORT"]
    assert (services["web"]["port"], services["web"]["path"]) == (8080, "/*")
    assert services["clock"]["singleton"] is True
    assert services["worker"]["image"] == {"from": "web"}
    assert services["worker"]["uses"]["database"] == {"level": "connect", "variables": ["DATABASE_URL"]}
    assert services["worker"]["uses"]["cache"] == {"level": "connect", "variables": {"REDIS_URL": "CACHE_URL"}}
    assert layers["jobs"] == {
        "release": {"image": {"from": "web"}, "command": ["python", "manage.py", "migrate"], "when": "before_deploy"}
    }
    assert layers["secrets"] == {"app": {"keys": ["SECRET"]}}
    assert (application.name, translation.copies) == ("My Shop", {"worker": {"min": 2, "max": 2}})
    assert [item.what for item in application.left] == ["add-on papertrail"]


def test_fly_toml_becomes_services_and_a_job_before_deployments(tmp_path: Path) -> None:
    text = """
    app = "shop"
    primary_region = "fra"
    kill_timeout = "2m"
    [env]
    LOG_LEVEL = "info"
    [processes]
    web = "bin/server"
    worker = "bin/work --queue=all"
    [deploy]
    release_command = "bin/migrate"
    [http_service]
    internal_port = 4000
    processes = ["web"]
    min_machines_running = 2
    auto_stop_machines = "stop"
    [[http_service.checks]]
    path = "/up"
    grace_period = "40s"
    [[vm]]
    size = "shared-cpu-1x"
    memory = "1gb"
    [mounts]
    source = "data"
    """
    layers, application, translation = carried(tmp_path, text, "fly.toml")
    told = {"environment": {"LOG_LEVEL": "info"}, "stop_timeout": 120, "cpu": 256, "memory": 1024}
    assert layers["services"] == {
        "web": {
            "port": 4000,
            "path": "/*",
            "health": "/up",
            "build": ".",
            "command": ["bin/server"],
            "start_period": 40,
            **told,
        },
        "worker": {"image": {"from": "web"}, "command": ["bin/work", "--queue=all"], **told},
    }
    assert layers["jobs"]["release"] == {"image": {"from": "web"}, "command": ["bin/migrate"], "when": "before_deploy"}
    assert (application.region, translation.copies) == ("eu-central-1", {"web": {"min": 2, "max": 4}})
    assert [(item.where, item.what) for item in application.left] == [
        ("fly.toml:23", "mounts"),
        ("fly.toml:16", "auto_stop_machines"),
    ]


def test_render_yaml_becomes_services_a_schedule_and_a_bucket(tmp_path: Path) -> None:
    text = """
    databases:
      - {name: shop-db, databaseName: shop, postgresMajorVersion: "16"}
    envVarGroups:
      - name: common
        envVars: [{key: LOG, value: info}, {key: STRIPE, sync: false}]
    services:
      - type: web
        name: shop
        runtime: docker
        region: frankfurt
        plan: standard
        healthCheckPath: /up
        preDeployCommand: bin/migrate
        scaling: {minInstances: 2, maxInstances: 6}
        domains: [www.shop.example.com]
        disk: {name: d, mountPath: /d}
        envVars:
          - {key: DATABASE_URL, fromDatabase: {name: shop-db, property: connectionString}}
          - {key: REDIS, fromService: {type: keyvalue, name: jobs, property: connectionString}}
          - {key: KEY, generateValue: true}
          - fromGroup: common
      - {type: cron, name: nightly, runtime: docker, schedule: "30 3 * * 1-5", dockerCommand: bin/nightly}
      - {type: pserv, name: prices, runtime: image, image: {url: "ghcr.io/team/prices:1"}}
      - {type: keyvalue, name: jobs, maxmemoryPolicy: noeviction}
      - {type: web, name: pages, runtime: static, staticPublishPath: dist}
      - {type: web, name: tool, runtime: static, routes: [{type: rewrite, source: /*, destination: /index.html}]}
    """
    layers, application, translation = carried(tmp_path, text, "render.yaml")
    shop = layers["services"]["shop"]
    assert (shop["port"], shop["path"], shop["health"], shop["cpu"], shop["memory"]) == (10000, "/*", "/up", 1024, 2048)
    assert shop["environment"] == {"LOG": "info"}
    assert shop["uses"] == {
        "database": {"level": "connect", "variables": ["DATABASE_URL"]},
        "cache": {"level": "connect", "variables": {"REDIS": "CACHE_URL"}},
        "app": "read",
    }
    assert layers["services"]["prices"] == {"port": 10000, "image": "ghcr.io/team/prices:1"}
    assert layers["jobs"]["shop-release"] == {
        "image": {"from": "shop"},
        "command": ["bin/migrate"],
        "when": "before_deploy",
        "uses": shop["uses"],
    } or layers["jobs"]["shop-release"] == {
        "image": {"from": "shop"},
        "command": ["bin/migrate"],
        "when": "before_deploy",
    }
    assert layers["jobs"]["nightly"]["schedule"] == "30 3 ? * 2-6 *"
    assert layers["data"] == {"version": "16", "name": "shop"}
    assert layers["cache"] == {"purpose": "jobs"}
    assert layers["storage"] == {
        "pages": {"purpose": "static", "path": "/pages/*", "cdn": True},
        "tool": {"purpose": "static", "path": "/tool/*", "spa": True},
    }
    assert layers["secrets"] == {"app": {"keys": ["KEY", "STRIPE"]}}
    assert (application.region, application.domain) == ("eu-central-1", "shop.example.com")
    assert translation.copies == {"shop": {"min": 2, "max": 6}}
    assert [item.what for item in application.left] == ["shop: disk"]


def test_a_copilot_folder_becomes_services_a_queue_and_a_schedule(tmp_path: Path) -> None:
    copilot = tmp_path / "copilot"
    files = {
        ".workspace": "application: shop",
        "web/manifest.yml": """
            name: web
            type: Load Balanced Web Service
            image: {build: {dockerfile: Dockerfile, context: .}, port: 8000}
            http: {path: /, healthcheck: /up, alias: shop.example.com}
            cpu: 512
            memory: 1024
            count: {range: 2-6}
            variables: {LOG: "on", STACK: {from_cfn: x}}
            secrets: {STRIPE: /copilot/shop/secrets/STRIPE}
            publish: {topics: [{name: orders}]}
            """,
        "web/addons/db.yml": """
            Resources:
              Main: {Type: "AWS::RDS::DBCluster", Properties: {Engine: !Sub "aurora-postgresql"}}
              Table: {Type: "AWS::DynamoDB::Table"}
              MainSecurityGroup: {Type: "AWS::EC2::SecurityGroup"}
            """,
        "mailer/manifest.yml": """
            name: mailer
            type: Worker Service
            image: {build: ./mailer/Dockerfile}
            subscribe: {topics: [{name: orders, service: web}]}
            """,
        "report/manifest.yml": """
            name: report
            type: Scheduled Job
            image: {location: "ghcr.io/team/report:1"}
            on: {schedule: "@daily"}
            """,
        "environments/test/manifest.yml": "name: test\ntype: Environment",
    }
    for name, text in files.items():
        (copilot / name).parent.mkdir(parents=True, exist_ok=True)
        (copilot / name).write_text(dedent(text), encoding="utf-8")
    application = read_application(copilot)
    translation = translated(application)
    layers = translation.layers
    assert layers["services"] == {
        "mailer": {
            "build": "mailer",
            "uses": {
                "mailer-events": {"level": "consume", "variables": {"COPILOT_QUEUE_URI": "MAILER_EVENTS_QUEUE_URL"}}
            },
        },
        "web": {
            "port": 8000,
            "path": "/*",
            "health": "/up",
            "build": ".",
            "cpu": 512,
            "memory": 1024,
            "environment": {"LOG": "on"},
            "uses": {"database": "connect", "orders": "publish", "app": "read"},
        },
    }
    assert layers["jobs"] == {"report": {"image": "ghcr.io/team/report:1", "schedule": "0 0 * * ? *"}}
    assert layers["messaging"] == {
        "queues": {"mailer-events": {}},
        "topics": {"orders": {"subscriptions": {"mailer-events": {"queue": "mailer-events"}}}},
    }
    assert (application.name, application.domain) == ("shop", "shop.example.com")
    assert translation.copies == {"web": {"min": 2, "max": 6}}
    left = {(item.where, item.what) for item in application.left}
    assert ("copilot/web/manifest.yml:9", "web: STACK") in left
    assert ("copilot/web/addons/db.yml:4", "Table (AWS::DynamoDB::Table)") in left


def test_what_copilot_says_beside_a_service_is_carried_over_or_told(tmp_path: Path) -> None:
    copilot = tmp_path / "copilot"
    files = {
        "web/manifest.yml": """
            name: web
            type: Load Balanced Web Service
            image: {location: "ghcr.io/team/web:1", port: 8000}
            http: {path: /}
            count:
              range: {min: 2, max: 6, spot_from: 4}
              cpu_percentage: {value: 55, cooldown: {in: 60s}}
              requests: 900
              response_time: 2s
            observability: {tracing: awsxray}
            sidecars:
              envoy:
                image: envoyproxy/envoy:v1.30
                command: [envoy, -c, /etc/e.yaml]
                essential: false
                healthcheck: {command: [CMD, envoy, --version]}
                variables: {A: b}
              agent: {image: {build: ./agent}}
            storage:
              ephemeral: 300
              volumes:
                pages: {path: /pages, efs: true, read_only: false}
                old: {path: /old, efs: {id: fs-1234}}
                scratch: {path: /scratch}
            deployment: {rolling: recreate}
            nlb: {port: 443/tls}
            """,
        "site/manifest.yml": "name: site\ntype: Static Site\nhttp: {alias: www.example.com}\nfiles: [{source: dist}]\n",
        "environments/test/manifest.yml": "name: test\ntype: Environment\nnetwork: {vpc: {id: vpc-1}}\n",
        "pipelines/main/manifest.yml": "name: main\nversion: 1\n",
    }
    for name, text in files.items():
        (copilot / name).parent.mkdir(parents=True, exist_ok=True)
        (copilot / name).write_text(dedent(text), encoding="utf-8")
    application = read_application(copilot)
    translation = translated(application)
    web = translation.layers["services"]["web"]
    assert web["sidecars"] == {
        "envoy": {
            "image": "envoyproxy/envoy:v1.30",
            "command": ["envoy", "-c", "/etc/e.yaml"],
            "health_command": ["envoy", "--version"],
            "essential": False,
        }
    }
    assert (web["tracing"], web["disk_gib"]) == (True, 200)
    assert web["uses"] == {"web-pages": {"level": "read-write", "path": "/pages"}}
    assert translation.layers["files"] == {"web-pages": {}}
    assert translation.copies == {"web": {"min": 2, "max": 6, "target": {"cpu": 55, "requests": 900}}}
    assert {item.what for item in application.left} == {
        "web: count.range.spot_from",
        "web: count.response_time",
        "web: sidecar envoy: variables",
        "web: sidecar agent",
        "web: volume old",
        "web: volume scratch",
        "web: deployment.rolling",
        "web: nlb",
        "site: http.alias",
        "test: VPC",
        "pipeline main",
    }
    assert all(item.where.startswith("copilot/") and item.reason for item in application.left)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("0 3 * * *", "0 3 * * ? *"),
        ("*/15 * * * 0", "*/15 * ? * 1 *"),
        ("0 8 1,15 * *", "0 8 1,15 * ? *"),
        ("0 8 * * MON-FRI", "0 8 ? * MON-FRI *"),
        ("0 8 * * 1-5", "0 8 ? * 2-6 *"),
        ("@weekly", "0 0 ? * 1 *"),
        ("rate(2 hours)", "0 */2 * * ? *"),
        ("@every 1h", "0 * * * ? *"),
        ("cron(0 2 * * ? *)", "0 2 * * ? *"),
        # Cron would run on either day; a range that begins on Friday and ends on Sunday turns round.
        ("0 8 13 * 5", None),
        ("0 8 * * 5-7", None),
        ("rate(7 hours)", None),
        ("sometimes", None),
        ("61 * * * *", None),
    ],
)
def test_a_schedule_is_the_same_one_or_none(said: str, expected: str | None) -> None:
    assert eventbridge_cron(said) == expected


def test_sizes_and_durations_are_read_as_docker_writes_them() -> None:
    assert [mebibytes(text) for text in ("512M", "1g", "1.5GiB", "1073741824", "0", "x")] == [
        512,
        1024,
        1536,
        1024,
        None,
        None,
    ]
    assert [seconds(text) for text in ("30s", "1m30s", "90", "500ms", "x", "")] == [30, 90, 90, 1, None, None]


def test_of_a_file_of_variables_only_names_are_read() -> None:
    text = "# A=1\nB=2\nexport C=3\nPEM='-----BEGIN\nD=4\n-----END'\nE\n F = 5\nnot a name\n"
    assert names_in(text) == {"B": 2, "C": 3, "PEM": 4, "E": 7, "F": 8}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]" for i in range(12)
)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("compose.yaml", b"services:\n  a: {image: \xff}", "compose.yaml:2: not UTF-8 text"),
        (
            "compose.yaml",
            b"services:\n\ta: 1",
            "compose.yaml:2: not valid YAML: found character that cannot start any token; indent with",
        ),
        ("compose.yaml", BOMB.encode(), "compose.yaml: more than 200,000 values"),
        ("compose.yaml", b"services: " + b"[" * 100_000, "compose.yaml:1: not valid YAML: nested too deeply"),
        ("compose.yaml", b"- " * 100_000, "compose.yaml:1: not valid YAML: nested too deeply"),
        ("compose.yaml", b"#" * 1_000_001, "compose.yaml: has 1,000,001 bytes, and the most that is read is 1,000,000"),
        ("compose.yaml", b"services: {a: &a {b: *a}}", "contains itself"),
        (
            "compose.yaml",
            b"services:\n  a: {image: x}\n  a: {image: y}",
            "compose.yaml:3 services.a: said twice (first on line 2)",
        ),
        ("compose.yaml", b"services:\n  a: text", "compose.yaml:2: services.a: expected a mapping"),
        ("compose.yaml", b"services:\n  a: {extends: b}\n  b: {extends: a}", "goes round in a circle"),
        ("compose.yaml", b"services:\n  a: {extends: c}", 'there is no service "c"'),
        (
            "compose.yaml",
            b"services:\n  a: {image: portainer/portainer}",
            "nothing in it has a place of its own here: a",
        ),
        (
            "compose.yaml",
            b"services: {db: {image: postgres}, c: {image: redis}}",
            "compose.yaml: says what a product keeps its data in (db and c), and nothing that runs; begin with a service of its own: "
            "groundwork new DIR --with database --with cache",
        ),
        ("compose.yaml", b"services: {}", "compose.yaml:1: has no services"),
        (
            "compose.yaml",
            b"hello: world",
            "is in no format that is known by its name or what is in it; say --format: compose, procfile",
        ),
        ("compose.yaml", b"", "is in no format"),
        ("Procfile", b"web: a\nweb: b", 'Procfile:2: the process "web" is said twice'),
        ("Procfile", b"web: a\n\nwhat is this", "Procfile:3: is no line of a Procfile"),
        ("Procfile", b"# nothing", "Procfile: has no process"),
        ("fly.toml", b'app = "x"\n[env', "not valid TOML"),
        ("fly.toml", b"a = " + b"[" * 5000, "fly.toml: not valid TOML: nested too deeply"),
        (
            "fly.toml",
            b'app = "x"\n[http_service]\ninternal_port = "x"',
            "fly.toml:3: internal_port is missing or no port",
        ),
        ("render.yaml", b"services:\n  - {name: x}", "render.yaml:2: a service needs a name and a type"),
        ("render.yaml", b"services: {}", "services: expected a list"),
        ("manifest.yml", b"type: Backend Service", "manifest.yml: name is missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_mistake_with_its_place(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(Mistakes) as raised:
        translated(read_application(file))
    assert len(raised.value.mistakes) == 1
    assert said in str(raised.value)


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "compose.yaml")
    for name, said in (
        ("link.yaml", "is a link"),
        (".", "is a folder, and a file is wanted"),
        ("none", "is not there"),
    ):
        with pytest.raises(Mistakes, match=said):
            read_application(tmp_path / name)
    with pytest.raises(Mistakes, match=r"has no manifest\.yml"):
        read_application(tmp_path, Format.COPILOT)


def test_a_file_of_variables_elsewhere_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside.env").write_text("OUTSIDE=1\n", encoding="utf-8")
    inside = tmp_path / "project"
    inside.mkdir()
    (inside / "link.env").symlink_to(tmp_path / "outside.env")
    for path in ("../outside.env", str(tmp_path / "outside.env"), "link.env"):
        found, left = service(inside, f'env_file: ["{path}"]')
        assert "uses" not in found
        assert [item.reason.partition(",")[0] for item in left] == ["is not here"]


def test_text_of_a_file_cannot_move_a_cursor_in_messages(tmp_path: Path) -> None:
    _, left = service(tmp_path, '"\\e[31mred": 1')
    assert [item.what for item in left] == ["app:  [31mred"]


_PLAIN = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=12)
_LAYERS = st.dictionaries(
    st.sampled_from(["services", "data", "storage", "cache"]),
    st.recursive(
        _PLAIN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
        max_leaves=12,
    ),
)


@given(_LAYERS)
def test_what_is_written_is_read_back_as_it_was(layers: dict[str, Any]) -> None:
    text = "config:\n" + "\n".join(stack_lines(layers, {}))
    said = yaml.safe_load(text)["config"] or {}
    assert {key.removeprefix("groundwork:"): value for key, value in said.items()} == layers


_ANYTHING = st.sampled_from(
    [
        None,
        "",
        "x",
        "1",
        "true",
        "${X}",
        "a:b:c:d",
        "9" * 30,
        [],
        {},
        ["a"],
        [["a"]],
        [None],
        [{}],
        {"a": "b"},
        {"a": None},
    ]
)


@given(st.data())
def test_whatever_stands_in_a_file_becomes_layers_or_a_mistake(data: st.DataObject) -> None:
    said = yaml.load(SHOP, Loader=yaml.BaseLoader)
    for _ in range(3):
        holder: Any = said
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = data.draw(st.sampled_from(keys))
            if not holder[key] or isinstance(holder[key], str) or data.draw(st.booleans()):
                break
            holder = holder[key]
        holder[key] = data.draw(_ANYTHING)
    try:
        translation = translated(compose.read(Document("compose.yaml", said), Path("none")))
    except Mistakes as mistakes:
        assert all(mistake.where for mistake in mistakes.mistakes)  # noqa: PT017 - either is right
    else:
        assert translation.layers


def test_a_compose_file_says_region_paths_and_hosts_by_what_proxies_and_sdks_are_told(tmp_path: Path) -> None:
    text = """
    services:
      api:
        image: team/api
        expose: ["8000"]
        environment: {AWS_REGION: eu-west-1}
        labels: ["traefik.http.routers.api.rule=Host(`api.shop.example.org`) && PathPrefix(`/v1`)", "traefik.http.services.api.loadbalancer.server.port=8000"]
      web:
        image: team/web
        environment: {AWS_DEFAULT_REGION: eu-west-1}
        labels: {traefik.http.routers.web.rule: "Host(`shop.example.org`)", traefik.http.services.web.loadbalancer.server.port: "3000"}
    """
    file = tmp_path / "compose.yaml"
    file.write_text(dedent(text), encoding="utf-8")
    application = read_application(file)
    services = translated(application).layers["services"]
    assert application.region == "eu-west-1"
    assert {name: service["path"] for name, service in services.items()} == {"api": "/v1/*", "web": "/*"}
    told = {note.what for note in application.notes}
    assert {"api: api.shop.example.org", "web: shop.example.org"} <= told
    # Two regions are nobody's choice but the reader's.
    file.write_text(
        dedent(text).replace("AWS_DEFAULT_REGION: eu-west-1", "AWS_DEFAULT_REGION: us-east-2"), encoding="utf-8"
    )
    assert read_application(file).region == ""
