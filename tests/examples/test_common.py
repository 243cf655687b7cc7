"""C: what is common to all systems, on the repository's own stacks and on small ones that differ in one word."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import judge
from groundwork.settings.loading import find_stack, load_stack
from guardrails.catalogue import rules
from tests.examples.query import (
    INSTANCE,
    SERVICE,
    TASK,
    Config,
    bounds,
    changed,
    named,
    primary,
    replicas,
    sources,
    statements,
    who_reaches,
)
from tests.requirements import proves
from tests.stacks import ROOT, STACK_NAMES, run_found, snapshot_of
from tests.test_guardrails_on_stacks import TODAY
from tests.writing import write_project

PARAMETER = "aws:ssm/parameter:Parameter"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"

ENGINES = ("fargate", "ecs-ec2", "eks", "ec2", "app-runner")
ON_EACH = pytest.mark.parametrize("engine", ENGINES)

SHOP = """
    aws:region: ap-south-1
    groundwork:platform: {{name: shop, stage: dev, phase: launch, domain: shop.example.com}}
    groundwork:edge: {{zone: {{delegated: true}}}}
    groundwork:compute: {{engine: {engine}}}
    groundwork:services:
      web:
        port: 3000
        path: "/*"
        scaling: {{min: 1, max: 2}}
        cpu: 256
        memory: 512
        uses: {{media: read}}
      api:
        port: 8080
        path: "/api/*"
        health: /api/health
        scaling: {{min: 1, max: 2}}
        cpu: 256
        memory: 512
        environment: {{GREETING: hello}}
        uses:
          database: connect
          cache: connect
          media: {{level: read-write, prefix: uploads/}}
          jobs: send
          news: publish
          app: read
          options: read
          orders: book
    groundwork:extensions: {{orders: {{arguments: {{port: 5671}}}}}}
    groundwork:storage: {{media: {{purpose: media, cdn: true}}}}
    groundwork:cache: {{class: cache.t4g.micro}}
    groundwork:messaging: {{queues: {{jobs: {{}}}}, topics: {{news: {{}}}}}}
    groundwork:secrets: {{app: {{keys: [SESSION_SECRET]}}}}
    groundwork:parameters: {{options: {{values: {{LOG_LEVEL: info}}}}}}
"""

EXTENSIONS = """
from dataclasses import dataclass

import pulumi_aws as aws
from groundwork import Grant, Offer, Opening, SecretReference, Statement


@dataclass
class Orders:
    port: int
    levels = {"book": {"ORDERS_TABLE": "plain", "ORDERS_PASSWORD": "secret"}, "look": {"ORDERS_TABLE": "plain"}}

    def build(self, name, context):
        key = context.key_arn("data")
        table = aws.dynamodb.Table(
            name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attributes=[{"name": "id", "type": "S"}],
            server_side_encryption={"enabled": True, "kms_key_arn": key},
            point_in_time_recovery={"enabled": True},
        )
        secret = aws.secretsmanager.Secret(name, kms_key_id=context.key_arn("secrets"))
        group = aws.ec2.SecurityGroup(name, vpc_id=context.network.vpc_id, description="The broker of orders.")
        look = Statement("OrdersLook", ["dynamodb:GetItem"], [table.arn])
        book = Grant(
            [look, Statement("OrdersBook", ["dynamodb:PutItem"], [table.arn])],
            openings=[Opening(group.id, self.port, "orders")],
            environment={"ORDERS_TABLE": table.name},
            secrets={"ORDERS_PASSWORD": SecretReference(secret.arn, context.key_arn("secrets"))},
        )
        return Offer({"book": book, "look": Grant([look], environment={"ORDERS_TABLE": table.name})})
"""


def write_shop(folder: Path, text: str) -> Path:
    """Write the shop's project, with what it has beside Groundwork's layers."""
    written = write_project(folder, text, main=str(ROOT))
    (folder / "extensions.py").write_text(EXTENSIONS, encoding="utf-8")
    return written


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Snapshot]:
    """The same shop on each engine: one word of its stack file differs."""

    @cache
    def on(engine: str, unknowns: bool = False) -> Snapshot:
        folder = write_shop(tmp_path_factory.mktemp(engine), SHOP.format(engine=engine))
        stack = find_stack("dev", folder)
        return run_found(stack, unknowns)

    return on


@dataclass(frozen=True)
class Told:
    """The names of a service's variables, by how it gets them."""

    plain: frozenset[str]
    read_at_start: frozenset[str]
    """From Secrets Manager or Parameter Store."""


def _told_by_ecs(snapshot: Snapshot, service: str) -> Told:
    [definition] = json.loads(named(snapshot, TASK, f"-{service}").inputs["containerDefinitions"])
    return Told(
        frozenset(entry["name"] for entry in definition["environment"]),
        frozenset(entry["name"] for entry in definition.get("secrets", [])),
    )


def _told_by_instances(snapshot: Snapshot, service: str) -> Told:
    under = f"/shop/dev/services/environment/{service}/"
    names = [parameter.inputs["name"] for parameter in snapshot.of_type(PARAMETER)]
    declaration = json.loads(named(snapshot, PARAMETER, f"-{service}-declaration").inputs["insecureValue"])
    assert declaration["parameters"] == under.rstrip("/")
    return Told(
        frozenset(name.removeprefix(under) for name in names if name.startswith(under)),
        frozenset({*declaration["secrets"], *declaration["references"]}),
    )


def _told_by_kubernetes(snapshot: Snapshot, service: str) -> Told:
    deployment = named(snapshot, "kubernetes:apps/v1:Deployment", f"-{service}")
    [container] = deployment.inputs["spec"]["template"]["spec"]["containers"]
    return Told(
        frozenset(entry["name"] for entry in container["env"] if "value" in entry),
        frozenset(entry["name"] for entry in container["env"] if "valueFrom" in entry),
    )


def _told_by_app_runner(snapshot: Snapshot, service: str) -> Told:
    inputs = named(snapshot, "aws:apprunner/service:Service", f"-{service}").inputs
    image = inputs["sourceConfiguration"]["imageRepository"]["imageConfiguration"]
    # App Runner sets PORT by itself, from the port that it is told:
    # https://docs.aws.amazon.com/apprunner/latest/dg/manage-configure.html
    assert image["port"] == {"web": "3000", "api": "8080"}[service]
    return Told(
        frozenset({*image["runtimeEnvironmentVariables"], "PORT"}), frozenset(image["runtimeEnvironmentSecrets"])
    )


TOLD: dict[str, Callable[[Snapshot, str], Told]] = {
    "fargate": _told_by_ecs,
    "ecs-ec2": _told_by_ecs,
    "eks": _told_by_kubernetes,
    "ec2": _told_by_instances,
    "app-runner": _told_by_app_runner,
}

READERS = {
    "fargate": "-api-execution",
    "ecs-ec2": "-api-execution",
    "eks": "-api-values",
    "ec2": "-instances",
    "app-runner": "-api-values",
}
"""The role policy by which values are read when a copy starts."""

RUNNING = {
    "fargate": {"aws:ecs/service:Service"},
    "ecs-ec2": {"aws:ecs/service:Service", "aws:autoscaling/group:Group"},
    "eks": {"kubernetes:apps/v1:Deployment"},
    "ec2": {"aws:autoscaling/group:Group"},
    "app-runner": {"aws:apprunner/service:Service"},
}


@ON_EACH
@proves("C-02", "S4-16")
def test_the_engine_is_one_word_and_decides_what_runs_the_services(engine: str, shop: Callable[..., Snapshot]) -> None:
    kinds = {resource.type for resource in shop(engine).resources}
    assert kinds & set().union(*RUNNING.values()) == RUNNING[engine]


@ON_EACH
@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
@proves("C-02", "S4-16")
def test_one_declaration_previews_on_every_engine_without_a_mandatory_finding(
    engine: str, unknowns: bool, shop: Callable[..., Snapshot]
) -> None:
    verdicts = judge(shop(engine, unknowns), TODAY)
    assert [(finding.rule.name, finding.resource.name, finding.message) for finding in verdicts.blocking] == []
    assert [finding.rule.name for finding in verdicts.findings if finding.broken] == []


@ON_EACH
def test_the_first_preview_declares_the_same_resources(engine: str, shop: Callable[..., Snapshot]) -> None:
    known, first = ([resource.urn for resource in shop(engine, unknowns).resources] for unknowns in (False, True))
    assert known == first


@ON_EACH
@proves("C-02", "C-05", "S4-16")
def test_a_service_is_told_the_same_on_every_engine(engine: str, shop: Callable[..., Snapshot]) -> None:
    for service in ("web", "api"):
        told = TOLD[engine](shop(engine), service)
        assert told == TOLD["fargate"](shop("fargate"), service)
    assert told.plain >= {
        "DATABASE_HOST",
        "CACHE_HOST",
        "MEDIA_BUCKET",
        "JOBS_QUEUE_URL",
        "GREETING",
        "PORT",
        "ORDERS_TABLE",
    }
    assert told.read_at_start >= {
        "DATABASE_PASSWORD",
        "CACHE_PASSWORD",
        "SESSION_SECRET",
        "LOG_LEVEL",
        "ORDERS_PASSWORD",
    }


@ON_EACH
@proves("C-02", "C-05", "S4-16")
def test_a_services_role_allows_the_same_on_every_engine(engine: str, shop: Callable[..., Snapshot]) -> None:
    for service in ("web", "api"):
        mine, first = (statements(shop(key), f"-{service}-task") for key in (engine, "fargate"))
        assert mine == first
    actions = {action for statement in mine.values() for action in statement["Action"]}
    assert {"s3:PutObject", "sqs:SendMessage", "sns:Publish", "dynamodb:PutItem"} <= actions


@ON_EACH
@proves("C-05", "S4-16")
def test_whoever_starts_a_service_reads_the_same_secrets_on_every_engine(
    engine: str, shop: Callable[..., Snapshot]
) -> None:
    mine, first = (statements(shop(key), READERS[key]) for key in (engine, "fargate"))
    for sid in ("ReadSecrets", "DecryptSecrets", "ReadParameters"):
        assert mine[sid] == first[sid]


@ON_EACH
@proves("C-05")
def test_database_cache_and_extensions_open_to_what_runs_the_service_and_to_nothing_else(
    engine: str, shop: Callable[..., Snapshot]
) -> None:
    # Pods share the group of their nodes, and network policies tell them apart.
    client = {"ec2": "shop-compute-instances", "eks": "shop-compute-nodes"}.get(engine, "shop-compute-api")
    for store, port in (("database", 5432), ("cache", 6379)):
        assert list(who_reaches(shop(engine), f"shop-{store}-clients")) == [(port, client)]
    assert list(who_reaches(shop(engine), "shop-orders")) == [(5671, client)]


@ON_EACH
@proves("S4-16")
def test_both_services_answer_at_the_same_name_through_cloudfront(engine: str, shop: Callable[..., Snapshot]) -> None:
    snapshot = shop(engine)
    [distribution] = snapshot.of_type(DISTRIBUTION)
    assert snapshot.outputs["address"] == "https://shop.example.com"
    assert distribution.inputs["aliases"][0] == "shop.example.com"
    assert "POST" in distribution.inputs["defaultCacheBehavior"]["allowedMethods"]
    origins = {origin["originId"] for origin in distribution.inputs["origins"]}
    targets = {
        behavior["targetOriginId"]
        for behavior in (
            distribution.inputs["defaultCacheBehavior"],
            *distribution.inputs["orderedCacheBehaviors"],
        )
    }
    assert targets == origins


def test_on_app_runner_cloudfront_tells_services_apart_and_each_asks_for_its_header(
    shop: Callable[..., Snapshot],
) -> None:
    snapshot = shop("app-runner")
    [distribution] = snapshot.of_type(DISTRIBUTION)
    origins = {origin["originId"]: origin for origin in distribution.inputs["origins"]}
    behaviors = {behavior["pathPattern"]: behavior for behavior in distribution.inputs["orderedCacheBehaviors"]} | {
        "/*": distribution.inputs["defaultCacheBehavior"]
    }
    for service, path in (("web", "/*"), ("web", "/assets/*"), ("api", "/api/*")):
        origin = origins[behaviors[path]["targetOriginId"]]
        assert origin["domainName"] == snapshot.outputs["hosts"][service]
        assert origin["customOriginConfig"]["originProtocolPolicy"] == "https-only"
        assert [header["name"] for header in origin["customHeaders"]] == ["x-origin-verify"]
    # App Runner answers for its own host alone, so Host is neither sent on nor part of what is cached.
    assert {behaviors[path]["originRequestPolicyId"] for path in ("/*", "/api/*")} == {
        "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    }
    [policy] = snapshot.of_type("aws:cloudfront/cachePolicy:CachePolicy")
    cached = policy.inputs["parametersInCacheKeyAndForwardedToOrigin"]
    assert cached["headersConfig"] == {"headerBehavior": "none"}
    associations = snapshot.of_type("aws:wafv2/webAclAssociation:WebAclAssociation")
    assert len(associations) == 2
    for association in associations:
        assert sources(snapshot, association, "webAclArn") == {"shop-compute-origin"}
    acl = named(snapshot, "aws:wafv2/webAcl:WebAcl", "shop-compute-origin").inputs
    assert acl["defaultAction"] == {"block": {}}


def test_on_app_runner_without_cloudfront_services_answer_themselves_behind_a_web_acl(tmp_path: Path) -> None:
    text = SHOP.format(engine="app-runner").replace(", cdn: true", "").replace(", domain: shop.example.com", "")
    text = text.replace("{zone: {delegated: true}}", "{cdn: null}")
    found = find_stack("dev", write_shop(tmp_path, text))
    snapshot = run_found(found)
    assert not snapshot.of_type(DISTRIBUTION, "aws:lb/loadBalancer:LoadBalancer")
    assert judge(snapshot, TODAY).blocking == []
    for association in snapshot.of_type("aws:wafv2/webAclAssociation:WebAclAssociation"):
        assert sources(snapshot, association, "webAclArn") == {"shop-ingress-regional-web-acl"}
    assert set(snapshot.outputs["hosts"]) == {"web", "api"}


# C-01: layers


LAYERS = {
    "network": "aws:ec2/vpc:Vpc",
    "edge": DISTRIBUTION,
    "compute": SERVICE,
    "data": INSTANCE,
    "cache": "aws:elasticache/replicationGroup:ReplicationGroup",
    "search": "aws:opensearch/domain:Domain",
    "messaging": "aws:sqs/queue:Queue",
    "storage": "aws:s3/bucket:Bucket",
    "secrets": "aws:secretsmanager/secret:Secret",
    "observability": "aws:cloudwatch/dashboard:Dashboard",
    "budget": "aws:budgets/budget:Budget",
}
"""What of each layer belongs to it beyond doubt."""

FINDING = (
    SHOP.format(engine="fargate").replace("news: publish", "news: publish\n          search: write")
    + "    groundwork:search: {}\n"
)


@pytest.fixture(scope="module")
def finding(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The shop with a search domain, which no phase brings."""
    folder = write_shop(tmp_path_factory.mktemp("search"), FINDING)
    return run_found(find_stack("dev", folder))


@pytest.mark.parametrize("layer", LAYERS)
@proves("C-01")
def test_a_layer_is_made_of_components_of_its_own_below_the_platform(layer: str, finding: Snapshot) -> None:
    snapshot = finding if layer == "search" else snapshot_of("examples/storefront/prod@growth")
    resources = snapshot.by_urn()
    owners = [resources[made.parent].type for made in snapshot.of_type(LAYERS[layer]) if made.parent]
    assert f"groundwork:{layer}:" in {owner.rpartition(":")[0] + ":" for owner in owners}
    for component in snapshot.resources:
        if component.type.startswith(f"groundwork:{layer}:"):
            assert component.parent is not None
            assert resources[component.parent].type.startswith("groundwork:")
            assert component.custom is False


@proves("S1-10")
def test_a_search_domain_is_reached_by_who_uses_it_and_passes_every_rule(finding: Snapshot) -> None:
    assert list(who_reaches(finding, "shop-search-clients")) == [(443, "shop-compute-api")]
    assert statements(finding, "-api-task")["SearchWrite"]["Resource"] == [
        "arn:aws:es:ap-south-1:111122223333:domain/shop-search-dev/*"
    ]
    assert "SEARCH_ENDPOINT" in _told_by_ecs(finding, "api").plain
    assert "SEARCH_ENDPOINT" not in _told_by_ecs(finding, "web").plain
    assert judge(finding, TODAY).blocking == []
    assert set(finding.outputs["search"]) == {"endpoint", "masterRole"}


# C-03: phases


def of_phase(phase: str, **further: Any) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        config["groundwork:platform"]["phase"] = phase
        config.update({f"groundwork:{key}": value for key, value in further.items()})

    return change


# CPU, MiB, least and most copies; database class, standby, replicas; zones, NAT gateways.
SIZES = {
    "mvp": (("256", "512", 1, 2), ("db.t4g.micro", False, 0), (2, 1)),
    "launch": (("512", "1024", 2, 4), ("db.t4g.small", False, 0), (2, 1)),
    "growth": (("1024", "2048", 4, 10), ("db.t4g.medium", False, 1), (2, 1)),
    "scale": (("1024", "2048", 6, 20), ("db.t4g.large", True, 2), (3, 3)),
    "millions": (("2048", "4096", 6, 50), ("db.r6g.2xlarge", True, 5), (3, 3)),
}


@pytest.mark.parametrize("phase", SIZES)
@proves("C-03")
def test_the_phase_alone_chooses_the_size_of_everything(phase: str) -> None:
    snapshot = snapshot_of(f"dev@{phase}")
    (cpu, memory, least, most), (database, standby, readers), (zones, gateways) = SIZES[phase]
    for service in ("web", "api", "worker"):
        task = named(snapshot, TASK, f"-compute-{service}").inputs
        assert (task["cpu"], task["memory"]) == (cpu, memory)
        assert bounds(snapshot, f"compute-{service}") == (least, most)
    assert primary(snapshot).inputs["instanceClass"] == database
    assert primary(snapshot).inputs["multiAz"] is standby
    assert len(replicas(snapshot)) == readers
    assert len([subnet for subnet in snapshot.of_type("aws:ec2/subnet:Subnet") if "-private-" in subnet.name]) == zones
    assert len(snapshot.of_type("aws:ec2/natGateway:NatGateway")) == gateways


CACHES = {
    "mvp": None,
    "launch": None,
    "growth": "cache.t4g.micro",
    "scale": "cache.t4g.small",
    "millions": "cache.r6g.large",
}


@pytest.mark.parametrize("phase", CACHES)
@proves("C-03")
def test_a_cache_comes_with_growth_and_grows_into_shards(phase: str, tmp_path: Path) -> None:
    loaded = load_stack(changed("dev", tmp_path / f"{phase}.yaml", of_phase(phase)))
    cache_settings = loaded.settings.cache
    assert (cache_settings.node_class if cache_settings else None) == CACHES[phase]
    if cache_settings:
        assert cache_settings.shards == (3 if phase == "millions" else None)


@proves("C-03")
def test_a_stack_file_overrides_each_size_and_takes_a_layer_away(tmp_path: Path) -> None:
    def change(config: Config) -> None:
        of_phase(
            "growth",
            data={"class": "db.t4g.large", "multi_az": True, "replicas": {"reader-1": None}, "storage": {"size": 200}},
            cache=None,
            network={"zones": 3},
            budget={"monthly": 321},
        )(config)
        config["groundwork:services"]["api"] |= {"cpu": 2048, "memory": 8192, "scaling": {"max": 6}}

    snapshot = run_found(changed("dev", tmp_path / "dev.yaml", change))
    database = primary(snapshot).inputs
    assert (database["instanceClass"], database["multiAz"], database["allocatedStorage"]) == ("db.t4g.large", True, 200)
    # What the file does not say is still the phase's.
    assert database["maxAllocatedStorage"] == 1000
    assert replicas(snapshot) == []
    assert snapshot.of_type("aws:elasticache/replicationGroup:ReplicationGroup") == []
    assert len([subnet for subnet in snapshot.of_type("aws:ec2/subnet:Subnet") if "-private-" in subnet.name]) == 3
    api, web = (named(snapshot, TASK, f"-compute-{service}").inputs for service in ("api", "web"))
    assert (api["cpu"], api["memory"]) == ("2048", "8192")
    assert (web["cpu"], web["memory"]) == ("1024", "2048")
    assert bounds(snapshot, "compute-api") == (4, 6)
    assert named(snapshot, "aws:budgets/budget:Budget", "-monthly").inputs["limitAmount"] == "321.00"


# C-04: stages


@pytest.fixture(scope="module")
def of_stage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Snapshot]:
    """The dev stack as another stage, with a bucket that keeps no versions."""

    @cache
    def run(stage: str) -> Snapshot:
        def change(config: Config) -> None:
            config["groundwork:platform"] |= {"stage": stage, "phase": "launch"}
            config["groundwork:storage"] = {"images": {"purpose": "media", "cdn": True, "versioning": False}}

        return run_found(changed("dev", tmp_path_factory.mktemp(stage) / "Pulumi.dev.yaml", change))

    return run


STAGES = pytest.mark.parametrize("stage", ["dev", "staging", "prod"])


@STAGES
@proves("C-04")
def test_only_production_is_protected_from_deletion(stage: str, of_stage: Callable[[str], Snapshot]) -> None:
    snapshot = of_stage(stage)
    is_prod = stage == "prod"
    database = primary(snapshot)
    assert database.inputs["deletionProtection"] is is_prod
    assert database.inputs["skipFinalSnapshot"] is not is_prod
    assert bool(database.options.get("protect")) is is_prod
    [balancer] = snapshot.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["enableDeletionProtection"] is is_prod
    for bucket in snapshot.of_type("aws:s3/bucket:Bucket"):
        assert bucket.inputs["forceDestroy"] is not is_prod
        assert bool(bucket.options.get("protect")) is is_prod


RETENTION = {"dev": {7}, "staging": {30}, "prod": {30}}


@STAGES
@proves("C-04")
def test_logs_are_kept_and_attacks_refused_as_the_stage_says(stage: str, of_stage: Callable[[str], Snapshot]) -> None:
    snapshot = of_stage(stage)
    groups = snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["retentionInDays"] for group in groups} == RETENTION[stage]
    [acl] = snapshot.of_type("aws:wafv2/webAcl:WebAcl")
    managed = [rule["overrideAction"] for rule in acl.inputs["rules"] if "overrideAction" in rule]
    assert managed
    assert {next(iter(action)) for action in managed} == {"count" if stage == "dev" else "none"}


@STAGES
@proves("C-04")
def test_what_dev_is_only_told_of_stops_the_later_stages(stage: str, of_stage: Callable[[str], Snapshot]) -> None:
    verdicts = judge(of_stage(stage), TODAY)
    found = [finding for finding in verdicts.findings if finding.rule.name == "s3-versioning"]
    assert [(finding.resource.name, finding.level.value) for finding in found] == [
        ("shop-images", "advisory" if stage == "dev" else "mandatory")
    ]
    assert ("s3-versioning" in {finding.rule.name for finding in verdicts.blocking}) is (stage != "dev")


@proves("C-04")
def test_what_stops_a_stage_stops_the_next_one_too() -> None:
    """Where prod is only told of a cost (a standby, a second node), the earlier stages are not even asked."""
    for rule in rules():
        hard = [rule.applies(stage) and rule.level(stage).value == "mandatory" for stage in ("dev", "staging", "prod")]
        assert hard == sorted(hard), rule.name


# C-07: use


@pytest.mark.parametrize("stack", STACK_NAMES)
@proves("C-07")
def test_every_stack_is_one_that_pulumi_up_finds_in_its_own_folder(stack: str) -> None:
    found = find_stack(stack, ROOT)
    project = yaml.safe_load((found.project_folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert project["name"] == found.project
    assert project["runtime"]["name"] == "python"
    program = (found.project_folder / project.get("main", ".")).resolve()
    assert program == ROOT
    assert (program / "__main__.py").is_file()
    environment = project["runtime"]["options"]["virtualenv"]
    # Beside the program, where `pulumi install` and `make` both put it.
    assert (found.project_folder / environment).resolve() in (ROOT / ".venv", ROOT / environment)
    assert found.file == found.project_folder / f"Pulumi.{found.name}.yaml"


@proves("C-07")
def test_the_checks_of_a_change_preview_every_stack_in_each_of_its_phases() -> None:
    checks = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make preview-all" in checks
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\npreview-all:")[2].partition("\n\n")[0]
    assert "groundwork stacks --each-phase" in recipe
    assert "--unknowns" in recipe
    files = {file.relative_to(ROOT) for file in (*ROOT.glob("Pulumi.*.yaml"), *ROOT.glob("examples/*/Pulumi.*.yaml"))}
    assert {find_stack(stack, ROOT).file.relative_to(ROOT) for stack in STACK_NAMES} == files


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@proves("C-07")
def test_the_pack_can_be_published_to_an_organisation_on_its_own() -> None:
    """An organisation's server installs its requirements and has nothing else of this repository."""
    pack = ROOT / "policies"
    imported = {name for file in pack.rglob("*.py") for name in _imported(file)}
    assert not imported & {"settings", "components", "preview", "cli", "functions", "tests", "pricing", "operations"}
    required = (pack / "requirements.txt").read_text(encoding="utf-8")
    assert "pulumi-policy" in required.replace("_", "-")
    described = yaml.safe_load((pack / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    assert described["runtime"]["name"] == "python"
    assert described["version"]
