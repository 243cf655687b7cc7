"""The variables that settings expect a workload to be given are those that it is given."""

from __future__ import annotations

import json

import pytest

from groundwork.components.compute.tracing import ENVIRONMENT as TRACING
from groundwork.components.settings import Settings
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.variables import given, own_variables
from tests.requirements import proves
from tests.stacks import ROOT, run_found, snapshot_of
from tests.writing import write_project

TASK = "aws:ecs/taskDefinition:TaskDefinition"
FUNCTION = "aws:lambda/function:Function"

EVERYTHING = """
    groundwork:platform: {name: shop, stage: dev, phase: growth}
    groundwork:services:
      web: {port: 3000, path: "/*", uses: {api: {level: connect, variables: {BACKEND: API_URL}}}}
      api:
        port: 5000
        path: "/api/*"
        connections: {min: 1, max: 2, idle: 60, connect: 3}
        uses:
          database:
            level: connect
            variables: {RDS_HOSTNAME: DATABASE_HOST, RDS_PASSWORD: DATABASE_PASSWORD, DATABASE_NAME: DATABASE_NAME}
          cache: {level: connect, variables: {ELASTICACHE_ENDPOINT: CACHE_HOST}}
          search: {level: read, variables: {OPENSEARCH_ENDPOINT: SEARCH_ENDPOINT}}
          app: {level: read, variables: [SESSION_SECRET]}
          flags: read
          push: send
          jobs: consume
          events: publish
          images: {prefixes: {uploads/: read, processed/: write}}
          files: {level: read, prefix: a/}
    groundwork:functions:
      it:
        code: functions/cleanup
        timeout: 60
        concurrency: 2
        trigger: {queue: sweeps}
        environment: {BUCKET: files, RULES: a/=1d}
        uses: {files: purge, flags: read, app: {level: read, variables: {KEY: PAYMENT_API_KEY}}, database: read}
    groundwork:cache: {authentication: iam, shards: 2}
    groundwork:search: {}
    groundwork:messaging:
      push: {android: {service_account: {secure: sealed}}}
      queues: {jobs: {}, sweeps: {visibility: 360, backoff: {first: 5, most: 60}}}
      topics: {events: {}}
    groundwork:storage: {images: {}, files: {}}
    groundwork:secrets: {app: {keys: [SESSION_SECRET, PAYMENT_API_KEY]}}
    groundwork:parameters: {flags: {values: {NEW_CART: "on"}}}
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    stack = find_stack("dev", write_project(tmp_path_factory.mktemp("everything"), EVERYTHING, main=str(ROOT)))
    return run_found(stack), load_stack(stack).settings


def expected(settings: Settings, layer: str, name: str) -> set[str]:
    workload = getattr(settings, layer)[name]
    found = {variable for used, use in workload.uses.items() for variable in given(settings, layer, used, use)}
    if layer == "services":
        found |= own_variables(workload).keys()
    elif workload.trigger:
        found |= {"QUEUE_BACKOFF_FIRST_SECONDS", "QUEUE_BACKOFF_MOST_SECONDS"}
    return found | workload.environment.keys()


def told(snapshot) -> dict[str, dict[str, object]]:
    """Workload → variable → its value, or for what is read when a copy starts where from."""
    found = {}
    for task in snapshot.of_type(TASK):
        for container in json.loads(task.inputs["containerDefinitions"]):
            variables = {item["name"]: item["value"] for item in container["environment"]}
            variables |= {item["name"]: item["valueFrom"] for item in container.get("secrets", ())}
            found[container["name"]] = {name: value for name, value in variables.items() if name not in TRACING}
    for function in snapshot.of_type(FUNCTION):
        found[function.inputs["description"].split()[0]] = function.inputs.get("environment", {}).get("variables", {})
    return found


def check(snapshot, settings):
    found = told(snapshot)
    names = {"services": settings.services, "functions": settings.functions}
    for layer, workloads in names.items():
        for name in workloads:
            if name in found:
                assert found[name].keys() == expected(settings, layer, name), name


@proves("S1-26")
def test_every_kind_of_use_gives_what_is_expected_of_it(everything):
    snapshot, settings = everything
    assert {"web", "api", "it"} <= told(snapshot).keys()
    check(snapshot, settings)


@pytest.mark.parametrize("stack", ["prod", "examples/mini-facebook/dev"])
def test_every_workload_of_a_stack_is_told_what_is_expected(stack):
    check(snapshot_of(stack), load_stack(find_stack(stack)).settings)


@proves("S1-26")
def test_a_service_names_its_variables_itself(everything):
    api = told(everything[0])["api"]
    assert api["RDS_HOSTNAME"].startswith("shop-database")
    assert api["RDS_PASSWORD"].endswith(":password::")
    assert "DATABASE_HOST" not in api
    assert api["OPENSEARCH_ENDPOINT"].startswith("https://")
    assert told(everything[0])["web"]["BACKEND"] == "http://api:5000"


@proves("S2-21")
def test_a_service_is_given_no_key_of_a_secret_that_it_does_not_name(everything):
    snapshot, _ = everything
    assert "SESSION_SECRET" in told(snapshot)["api"]
    assert "PAYMENT_API_KEY" not in told(snapshot)["api"]
    assert told(snapshot)["it"]["KEY_SECRET"].endswith(":PAYMENT_API_KEY::")


@proves("S0-16")
def test_a_service_is_told_the_bounds_of_its_pool(everything):
    api = told(everything[0])["api"]
    assert {name: value for name, value in api.items() if "POOL" in name} == {
        "DATABASE_POOL_MIN": "1",
        "DATABASE_POOL_SIZE": "2",
        "DATABASE_POOL_IDLE_SECONDS": "60",
        "DATABASE_POOL_CONNECT_SECONDS": "3",
        "DATABASE_READER_POOL_SIZE": "1",
    }


def test_a_consumer_is_told_when_failed_messages_come_again(everything):
    found = told(everything[0])
    assert found["api"]["JOBS_QUEUE_BACKOFF_MOST_SECONDS"] == "900"
    assert found["it"]["QUEUE_BACKOFF_FIRST_SECONDS"] == "5"


def test_a_function_finds_a_parameter_by_its_name(everything):
    snapshot, _ = everything
    assert told(snapshot)["it"]["NEW_CART_PARAMETER"] == "/shop/dev/flags/NEW_CART"
    (policy,) = [
        policy for policy in snapshot.of_type("aws:iam/rolePolicy:RolePolicy") if policy.name == "shop-it-role"
    ]
    (read,) = [item for item in json.loads(policy.inputs["policy"])["Statement"] if item["Sid"] == "ReadParameters"]
    assert read["Action"] == ["ssm:GetParameter", "ssm:GetParameters"]
    assert [arn.partition(":parameter")[2] for arn in read["Resource"]] == ["/shop/dev/flags/NEW_CART"]
