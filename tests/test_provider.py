"""The component provider, spoken to as Pulumi's engine does: a process that prints its port, and answers over gRPC."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import alias_pb2, provider_pb2, provider_pb2_grpc

from groundwork.components.settings import LAYERS, Settings
from groundwork.preview.computed_values import ComputedValues
from groundwork.preview.monitor import RecordingMonitor
from groundwork.preview.served import Engine, served
from groundwork.preview.stacks import _running_images
from groundwork.provider import package
from groundwork.provider.host import main
from groundwork.provider.names import as_in_programs, as_in_stack_files, camel_case
from groundwork.settings.base import Sealed
from groundwork.settings.loading import PHASES, load_given
from groundwork.settings.model_paths import is_model
from tests.stacks import ROOT, STACK_NAMES, found, loaded, snapshot_of

PLATFORM = "groundwork:platform:Platform"
REGION = "eu-central-1"
STACK = "dev"
PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:aws::tokyo::6f1a"
"""A provider that a program declares itself: URN and id."""


class _Monitor(RecordingMonitor):
    """A monitor that also keeps which provider answers functions, and refuses a type where it is told to."""

    refused = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.answering: dict[str, str] = {}

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        self.answering[request.tok] = request.provider
        return super().Invoke(request)

    def _identifier(self, urn: str) -> str:
        """Answer for the program's own provider, which stands outside the component, as the engine does."""
        return PROVIDER.rpartition("::")[2] if PROVIDER.startswith(urn) else super()._identifier(urn)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        if request.type == self.refused:
            raise RuntimeError(f"{request.type} may not be registered")
        return super().RegisterResource(request)


@dataclass
class Plugin:
    """The process, and a line to it."""

    stub: Any
    said: Path
    """What it wrote to its standard error."""

    def construct(
        self,
        inputs: Mapping[str, Any],
        *,
        project: str = "shop",
        stack: str = "dev",
        parameters: Any = None,
        refused: str = "",
        **request: Any,
    ) -> Built:
        """Ask for a platform, as the engine does in a first preview."""
        monitor = _Monitor(
            ComputedValues(REGION, parameters=parameters), project=project, stack=stack, unknowns=True, root=ROOT
        )
        monitor.refused = refused
        given = struct_pb2.Struct()
        given.update(inputs)
        asked = {"type": PLATFORM, "name": "shop", "config": {"aws:region": REGION}, **request}
        engine = Engine()
        with served(monitor, engine) as address:
            try:
                answer = self.stub.Construct(
                    provider_pb2.ConstructRequest(
                        project=project,
                        stack=stack,
                        dryRun=True,
                        parallel=16,
                        monitorEndpoint=address,
                        inputs=given,
                        **asked,
                    ),
                    timeout=60,
                )
            except grpc.RpcError as error:
                return Built(monitor, None, f"{error.code().name}: {error.details()}")
        return Built(monitor, answer)


@dataclass
class Built:
    """What came of a request."""

    monitor: _Monitor
    answer: Any
    error: str = field(default="")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin]:
    said = tmp_path_factory.mktemp("provider") / "stderr"
    with (
        said.open("w") as errors,
        served(
            _Monitor(ComputedValues(REGION), project="shop", stack="dev", unknowns=True, root=ROOT), Engine()
        ) as engine,
        # As the language host runs it: the folder of PulumiPlugin.yaml, the engine's address, the program's folder around it.
        subprocess.Popen(
            [sys.executable, str(ROOT / "provider"), engine], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=_GRPC_CHANNEL_OPTIONS) as channel:
                yield Plugin(provider_pb2_grpc.ResourceProviderStub(channel), said)
        finally:
            process.terminate()


def _secret(value: str | None) -> dict[str, Any]:
    """A secret text as an engine sends it to a component; None for one that is not known yet."""
    known = {} if value is None else {"value": value}
    return {rpc._special_sig_key: rpc._special_output_value_sig, "secret": True, **known}


def _output(value: Any, *dependencies: str) -> dict[str, Any]:
    return {rpc._special_sig_key: rpc._special_output_value_sig, "value": value, "dependencies": list(dependencies)}


def _in_camel_case(said: Any) -> Any:
    """What a program says that says the same as a stack file."""
    made: dict[str, Any] = {}
    for path, value in _leaves(said):
        holder = made
        *parents, last = as_in_programs(path)
        for part in parents:
            holder = holder.setdefault(part, {})
        holder[last] = value
    return made


def _leaves(said: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(said, dict) and said:
        for key, value in said.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path, said


def _said(stack: str) -> dict[str, Any]:
    config = yaml.safe_load(found(stack).file.read_text(encoding="utf-8"))["config"]
    return {key.removeprefix("groundwork:"): value for key, value in config.items() if key.startswith("groundwork:")}


def test_the_package_offers_the_platform_with_a_type_for_everything_that_settings_may_say(plugin: Plugin) -> None:
    """Pulumi's own binder takes it, and its generators for TypeScript, Go and Python; here, what they would stumble over."""
    info = plugin.stub.GetPluginInfo(empty_pb2.Empty())
    schema = json.loads(plugin.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert schema["version"] == info.version
    assert set(schema["resources"]) == {PLATFORM}
    resource, types = schema["resources"][PLATFORM], schema["types"]
    assert (resource["isComponent"], resource["requiredInputs"]) == (True, ["settings"])
    assert set(types["groundwork:index:Settings"]["properties"]) == {*LAYERS, PHASES}
    wrong = []
    used = set()

    def judge(place: str, one: Mapping[str, Any]) -> None:
        forms = [form for form in ("$ref", "oneOf") if form in one] or [one.get("type")]
        if len(forms) != 1 or forms[0] not in (
            "$ref",
            "oneOf",
            "string",
            "integer",
            "number",
            "boolean",
            "array",
            "object",
        ):
            wrong.append(f"{place}: {one}")
        if reference := one.get("$ref"):
            name = reference.removeprefix("#/types/")
            used.add(name)
            if name not in types and reference != "pulumi.json#/Any":
                wrong.append(f"{place}: {reference} is not there")
        if len(one.get("oneOf", (1, 2))) < 2 or ("array" in forms and "items" not in one):
            wrong.append(f"{place}: {one}")
        for inner in (*one.get("oneOf", ()), *(one[key] for key in ("items", "additionalProperties") if key in one)):
            judge(place, inner)

    for token, type_ in {**types, "in": {"properties": resource["inputProperties"]}, "out": resource}.items():
        for name, one in type_["properties"].items():
            judge(f"{token}.{name}", one)
            if not re.fullmatch(r"[a-z][A-Za-z0-9]*", name):
                wrong.append(f"{token}.{name} is not in camelCase")
        wrong += [
            f"{token}.{name} is required, and not there"
            for name in type_.get("required", ())
            if name not in type_["properties"]
        ]
    assert wrong == []
    assert set(types) <= used
    secret = {
        f"{token.rpartition(':')[2]}.{name}"
        for token, type_ in types.items()
        for name, one in type_["properties"].items()
        if one.get("secret")
    }
    assert secret == {
        "AndroidPushSettings.serviceAccount",
        "ApplePushSettings.signingKey",
        "ApplePushSettings.keyId",
        "SourceSettings.password",
    }


def test_names_of_programs_and_of_stack_files_are_the_same_settings() -> None:
    for stack in STACK_NAMES:
        said = _said(stack)
        assert as_in_stack_files(_in_camel_case(said)) == said
        # Who copies a stack file into a program may keep its names.
        assert as_in_stack_files(said) == said
    assert _in_camel_case({"platform": {"cost_center": "1"}, "services": {"a": {"environment": {"a_b": "x"}}}}) == {
        "platform": {"costCenter": "1"},
        "services": {"a": {"environment": {"a_b": "x"}}},
    }


def test_no_two_settings_of_one_model_have_one_name_in_programs() -> None:
    models, seen = [Settings], set()
    while models:
        model = models.pop()
        names = [camel_case(field.alias or name) for name, field in model.model_fields.items()]
        assert len(set(names)) == len(names), model
        seen.add(model)
        for field_ in model.model_fields.values():
            models += [one for one in _models_in(field_.annotation) if one not in seen]


def _models_in(annotation: Any) -> Iterator[Any]:
    if is_model(annotation):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


def test_a_platform_is_the_same_resources_in_every_language(plugin: Plugin) -> None:
    """URNs and all: a program that is written anew in another language replaces nothing."""
    snapshot = snapshot_of(STACK, unknowns=True)
    built = plugin.construct(
        {"settings": _in_camel_case(_said(STACK))},
        project=snapshot.project,
        stack=snapshot.stack,
        parameters=_running_images(loaded(STACK).settings, without=()),
    )
    assert built.error == ""
    records = {record.urn: record for record in built.monitor.records()}
    expected = {record.urn: record for record in snapshot.resources if record.type != "pulumi:pulumi:Stack"}
    assert set(records) == set(expected)
    for urn, record in records.items():
        assert record.inputs == expected[urn].inputs, urn
        assert record.options == expected[urn].options, urn
    assert built.answer.urn in records
    told = set(built.answer.state.fields)
    assert {"address", "buckets", "cluster", "database", "distribution", "network", "repositories", "services"} <= told
    schema = json.loads(plugin.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert told <= set(schema["resources"][PLATFORM]["properties"])
    assert set(snapshot.outputs) <= told


def test_options_of_the_program_reach_everything_below(plugin: Plugin) -> None:
    """Explicit provider, order, protection, aliases; secrets stay secret, and outputs that are known are values."""
    vpc, role = (f"urn:pulumi:dev::shop::aws:x/y:Z::{name}" for name in ("vpc", "role"))
    built = plugin.construct(
        {
            "region": "ap-northeast-1",
            "settings": {
                "platform": {"name": "shop", "costCenter": _output("checkout", vpc)},
                "secrets": {
                    "app": {"keys": ["TOKEN", "LATER"], "values": {"TOKEN": _secret("hunter2"), "LATER": _secret(None)}}
                },
                "storage": {"files": {"existing": "shop-files"}},
                "data": None,
            },
        },
        name="mine",
        config={},
        providers={"aws": PROVIDER},
        dependencies=[role],
        protect=True,
        aliases=[alias_pb2.Alias(urn="urn:pulumi:dev::shop::acme:index:Shop::old")],
        inputDependencies={"settings": provider_pb2.ConstructRequest.PropertyDependencies(urns=[vpc])},
    )
    assert built.error == ""
    platform, *children = built.monitor.records()
    assert platform.urn == built.answer.urn == f"urn:pulumi:dev::shop::{PLATFORM}::mine"
    assert {*platform.dependencies} == {role, vpc}
    assert platform.options["aliases"] == ["urn:pulumi:dev::shop::acme:index:Shop::old"]
    made = [child for child in children if child.custom]
    assert len(made) > 5
    assert {child.options.get("provider") for child in made} == {PROVIDER}
    assert {child.options.get("protect") for child in made} == {True}
    asked = {token for token in built.monitor.answering if token.startswith("aws:")}
    assert {built.monitor.answering[token] for token in asked} == {PROVIDER}
    assert {"aws:index/getCallerIdentity:getCallerIdentity", "aws:s3/getBucket:getBucket"} <= asked
    assert {child.inputs["tags"]["cost-center"] for child in made if "tags" in child.inputs} == {"checkout"}
    versions = [child.inputs for child in made if child.type == "aws:secretsmanager/secretVersion:SecretVersion"]
    assert versions
    assert "hunter2" not in repr(children)


_MINE: dict[str, Any] = {"name": "shop"}
_WEB: dict[str, Any] = {"port": 3000, "path": "/*"}
_RESOURCE = {
    rpc._special_sig_key: rpc._special_resource_sig,
    "urn": "urn:pulumi:dev::shop::aws:ec2/vpc:Vpc::main",
    "id": "vpc-1",
}
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a value that is not allowed": (
        {"settings": {"platform": _MINE, "services": {"web": {**_WEB, "cpu": 300}}}},
        "settings.services.web.cpu: 300 is not a Fargate CPU size",
    ),
    "a slip in a key": (
        {"settings": {"platform": {**_MINE, "costCentre": "1"}}},
        'settings.platform.costCentre: unknown key; did you mean "costCenter"?',
    ),
    "a slip in a layer": ({"settings": {"platform": _MINE, "servces": {}}}, 'settings.servces: unknown layer; did you mean "services"?'),
    "a mistake in another phase": (
        {"settings": {"platform": _MINE, "phases": {"scale": {"data": {"multiAz": "maybe"}}}}},
        "settings.phases.scale.data.multiAz: ",
    ),
    "nothing": ({}, "settings: is missing"),
    "no mapping": ({"settings": "shop"}, "settings: is not a mapping of layers"),
    "an input that is not one": ({"settings": {"platform": _MINE}, "stage": "dev"}, "stage: is no input of a platform"),
    "an unknown value": (
        {"settings": {"platform": _MINE, "network": {"existing": {"vpcId": rpc.UNKNOWN}}}},
        "settings.network.existing.vpcId: is not known before the update",
    ),
    "everything unknown": ({"settings": rpc.UNKNOWN}, "settings: is not known before the update"),
    "a resource": ({"settings": {"platform": _MINE, "network": {"existing": {"vpcId": _RESOURCE}}}}, "vpcId: is a resource, an asset"),
    "a secret in clear": (
        {"settings": {"platform": _MINE, "secrets": {"app": {"keys": ["A"], "values": {"A": "hunter2"}}}}},
        "settings.secrets.app.values.A: is a secret in clear text; make it a secret: pulumi.secret(…)",
    ),
    "a secret where none belongs": ({"settings": {"platform": {**_MINE, "owner": _secret("hunter2")}}}, "settings.platform.owner: "),
    "all of it secret": (
        {"settings": {rpc._special_sig_key: rpc._special_secret_sig, "value": {"platform": {"name": "hunter2"}}}},
        "settings: is secret as a whole",
    ),
}  # fmt: skip


def test_each_mistake_is_told_by_its_place_in_the_program(plugin: Plugin) -> None:
    for name, (inputs, said) in MISTAKES.items():
        built = plugin.construct(inputs)
        assert built.error.startswith("INVALID_ARGUMENT: the settings have mistakes:\n"), name
        assert said in built.error, name
        assert built.monitor.records() == [], name
        assert not re.search(r"Traceback|File \"|\.py|hunter2|cost_center", built.error), built.error
    others = {
        "region: is missing; give it as text, or set aws:region": plugin.construct(
            {"settings": {"platform": _MINE}}, config={}
        ),
        'there is no resource "groundwork:index:Shop"': plugin.construct({}, type="groundwork:index:Shop"),
        "aws:sns/topic:Topic may not be registered": plugin.construct(
            {"settings": {"platform": _MINE}}, refused="aws:sns/topic:Topic"
        ),
    }
    for said, built in others.items():
        assert said in built.error
        assert not re.search(r"Traceback|File \"|\.py", built.error), built.error
    # Pulumi prints whatever the process writes there; gRPC itself notes that the monitor of a test is gone.
    said = plugin.said.read_text(encoding="utf-8").splitlines()
    assert [line for line in said if "Got goaway" not in line] == []


def test_pulumi_finds_how_to_run_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """https://www.pulumi.com/docs/reference/pulumiplugin-yaml/"""
    folder = ROOT / "provider"
    manifest = yaml.safe_load((folder / "PulumiPlugin.yaml").read_text(encoding="utf-8"))
    assert manifest["runtime"]["name"] == "python"
    # Of a buildable package the language host would look for components in its root module, and not run __main__.py.
    assert not (folder / "pyproject.toml").exists()
    _, _, pinned = (folder / "requirements.txt").read_text(encoding="utf-8").strip().partition("-r ")
    assert (folder / pinned).resolve() == ROOT / "requirements.txt"
    monkeypatch.setattr(sys, "argv", ["provider", "--logtostderr"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.startswith("Pulumi starts this: pulumi package add")


def test_the_example_in_yaml_is_a_platform() -> None:
    page = (ROOT / "docs" / "languages.md").read_text(encoding="utf-8")
    [program] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    resource = yaml.safe_load(program)["resources"]["shop"]
    assert resource["type"] == PLATFORM
    settings = resource["properties"]["settings"]
    values = settings["secrets"]["app"]["values"]
    assert values == {"SESSION_SECRET": "${session}"}
    values["SESSION_SECRET"] = Sealed()
    assert load_given(as_in_stack_files(settings), REGION, ROOT).platform.cost_center == "checkout"


def test_a_clone_that_is_not_installed_knows_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Pulumi makes the plugin's environment, from requirements alone."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    installed = package.package_schema()["version"]
    monkeypatch.setattr(package, "version", missing)
    assert package.package_schema()["version"] == installed
