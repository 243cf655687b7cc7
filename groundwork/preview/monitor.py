"""The engine's side of the conversation with the Pulumi SDK, in process.

The SDK's own MockMonitor forgets most of a registration, runs no transforms, accepts one URN twice and hands secrets
over in clear. This one keeps the registration whole, runs transforms, refuses duplicates and masks secrets.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlparse

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime._callbacks import _CallbackServicer
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import provider_pb2, resource_pb2
from pulumi.runtime.sync_await import _sync_await

from groundwork.preview.changes.replacement import sensitive
from groundwork.preview.changes.values import Comparison
from groundwork.preview.computed_values import ComputedValues, asks_aws
from groundwork.preview.guesses import is_made_up
from groundwork.preview.guest import RESULT_TYPE
from groundwork.preview.snapshot import STACK_TYPE, Resource, Source, Transformed, to_marker
from guardrails.view import Opaque

STACK_REFERENCE_TYPE = "pulumi:pulumi:StackReference"
_GET_RESOURCE = "pulumi:pulumi:getResource"
_FEATURES = ("aliasSpecs", "deletedWith", "resourceReferences", "secrets", "transforms")


class InProcessCallbacks(_CallbackServicer):
    """Keeps the program's transforms without the gRPC server that the SDK would open for them."""

    def __init__(self, monitor: RecordingMonitor) -> None:
        self._monitor = cast("Any", monitor)
        self._callbacks = {}
        self._transforms = {}
        self._state_migrations = {}
        self._target = "in-process"
        self._loop = asyncio.get_running_loop()

    def run(self, callback: Any, request: Any) -> Any:
        """Run one callback to its end, on the event loop that is already running."""
        return _sync_await(self._callbacks[callback.token](request.SerializeToString()))

    def place(self, callback: Any) -> tuple[Path, int] | None:
        """Return file and first line of the function behind a callback."""
        function = next((one for one, token in self._transforms.items() if token == callback.token), None)
        code = getattr(inspect.unwrap(function), "__code__", None) if function else None
        return (Path(code.co_filename), code.co_firstlineno) if code else None


class Callbacks(Protocol):
    """Where the program's transforms are run."""

    def run(self, callback: Any, request: Any) -> Any:
        """Return what the callback answers to a TransformRequest, as a TransformResponse."""

    def place(self, callback: Any) -> tuple[Path, int] | None:
        """Return file and line of the function behind it; None where that is in another process."""


class RecordingMonitor(MockMonitor):
    """Answers the SDK as the engine would in a preview, and records every resource."""

    def __init__(self, computed: ComputedValues, *, project: str, stack: str, unknowns: bool, root: Path) -> None:
        super().__init__(_NoMocks())
        self._computed = computed
        self._project = project
        self._stack = stack
        self._unknowns = unknowns
        self.root = root
        self._lock = threading.Lock()
        self._records: dict[str, Resource] = {}
        self._component_outputs: dict[str, dict[str, Any]] = {}
        self._inherited_transforms: dict[str, list[Any]] = {}
        self._stack_callbacks: list[Any] = []
        self._files: dict[str, str | None] = {}
        self._guessed = False
        """Whether a function was answered with texts that were made up."""
        self.callbacks: Callbacks | None = None
        self.stack_outputs: dict[str, Any] = {}
        self.looked_up: set[str] = set()
        """The texts that functions of the provider were answered with: what really is there may be another."""

    def records(self) -> list[Resource]:
        """Return every resource registered so far, each component with the outputs it registered."""
        return [
            Resource(
                **{
                    **vars(record),
                    "outputs": self._component_outputs.get(urn, record.outputs),
                    # What is only read is no part of the stack, and so nobody's parent there.
                    "parent": record.parent if record.parent in self._records else None,
                }
            )
            for urn, record in self._records.items()
        ]

    def features(self) -> set[Any]:
        """Return what the program may ask of the engine."""
        return set(self.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures)  # type: ignore[no-untyped-call]  # the SDK's

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the engine's URN: the types of all ancestors but the stack, which the SDK's mocks shorten to the
        last."""
        ancestry = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if ancestry == STACK_TYPE else f"{ancestry}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        urn = self.make_urn(request.parent, request.type, request.name)
        transformed = self._run_transforms(urn, request)
        if request.custom:
            _references_as_ids(request.object)
        inputs = self._recorded(request.object)
        outputs: dict[str, Any] = dict(inputs)
        identifier = ""
        response = struct_pb2.Struct()
        if request.remote:
            # What another program makes of an input, and calls by the same name, may be of another type.
            response.update(dict.fromkeys(inputs, rpc.UNKNOWN))
            outputs = {}
        else:
            response.CopyFrom(request.object)
        _documents_as_text(response)
        if request.custom and not self._unknowns:
            computed = self._computed.for_resource(request.type, request.name, urn, inputs)
            identifier = computed.pop("id")
            _add(response, outputs, computed)
            outputs["id"] = identifier
            if "tags" in inputs and "tagsAll" not in outputs:
                response.fields["tagsAll"].CopyFrom(request.object.fields["tags"])
                outputs["tagsAll"] = inputs["tags"]
        record = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent or None,
            inputs=inputs,
            outputs=outputs,
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                name: tuple(sorted(deps.urns))
                for name, deps in sorted(request.propertyDependencies.items())
                if deps.urns
            },
            options=_options(request),
            source=self._source(request),
            transformed=tuple(transformed),
        )
        with self._lock:
            if urn in self._records:
                raise DuplicateUrnError(self._records[urn])
            self._records[urn] = record
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier, object=response)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        outputs = self._recorded(request.outputs)
        with self._lock:
            self._component_outputs[request.urn] = outputs
            if self._records[request.urn].type == STACK_TYPE:
                self.stack_outputs = outputs
        return empty_pb2.Empty()

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        """Read a resource that exists (``.get()``): its id and what follows from it. The outputs of another stack are
        unknown."""
        urn = self.make_urn(request.parent, request.type, request.name)
        properties = struct_pb2.Struct()
        properties.CopyFrom(request.properties)
        if request.type == STACK_REFERENCE_TYPE:
            properties.update({"name": request.id, "outputs": rpc.UNKNOWN, "secretOutputNames": []})
        elif _known(request.id):
            given = to_json(request.properties)
            computed = self._computed.for_resource(request.type, request.name, urn, given, request.id)
            properties.update({name: value for name, value in computed.items() if name != "id" and name not in given})
        return resource_pb2.ReadResourceResponse(urn=urn, id=_known(request.id), properties=properties)

    def Call(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        """Answer the method of a component that another program makes: only that program knows what it answers."""
        answer = struct_pb2.Struct()
        answer.update({"result": rpc.UNKNOWN})
        response = provider_pb2.CallResponse()
        getattr(response, "return").CopyFrom(answer)
        return response

    def SupportsFeature(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        """Answer SDKs that ask one by one because they do not know ``GetDeploymentInfo`` yet."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        args = to_json(request.args)
        type_ = args.pop(RESULT_TYPE, None)
        if request.tok == _GET_RESOURCE:
            # A resource that a reference leads to: its properties, left out, are unknown to the SDK.
            answer = {"urn": args["urn"], "id": self._identifier(args["urn"]), "state": {}}
        else:
            answer = self._computed.for_invoke(request.tok, args, json.loads(type_) if type_ else None)
            # A snapshot holds no secret, nor what stands for one.
            if asks_aws(request.tok) and not request.tok.startswith("aws:secretsmanager/"):
                self.looked_up |= set(_texts(answer)) - set(_texts(args))
        text = json.dumps(answer, default=to_marker)
        self._guessed = self._guessed or is_made_up(text)
        result = json_format.Parse(text, struct_pb2.Struct())
        response = resource_pb2.ResourceInvokeResponse()
        # "return" is the field's name and a word of Python's.
        getattr(response, "return").CopyFrom(result)
        return response

    def _recorded(self, struct: Any) -> dict[str, Any]:
        values = to_json(struct)
        return {key: _without_guesses(value) for key, value in values.items()} if self._guessed else values

    def _identifier(self, urn: str) -> str:
        found = self._records[urn].outputs.get("id") if urn in self._records else None
        return found if isinstance(found, str) else rpc.UNKNOWN

    def RegisterStackTransform(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        self._stack_callbacks.append(request)
        return empty_pb2.Empty()

    def _run_transforms(self, urn: str, request: Any) -> list[Transformed]:
        """Run a resource's transforms, the stack's last, and return what they changed."""
        changed: list[Transformed] = []
        own = list(request.transforms)
        inherited = self._inherited_transforms.get(request.parent, [])
        self._inherited_transforms[urn] = own + inherited
        for callback in [*own, *inherited, *self._stack_callbacks]:
            if self.callbacks is None:
                raise RuntimeError("a transform was registered before the engine was ready for it")
            message = resource_pb2.TransformRequest(
                type=request.type,
                name=request.name,
                custom=request.custom,
                parent=request.parent,
                properties=request.object,
                options=_transform_options(request),
            )
            answer = self.callbacks.run(callback, message)
            options = _options(request)
            request.object.CopyFrom(answer.properties)
            if answer.HasField("options"):
                _apply_transform_options(request, answer.options)
            changed += _changes(message, request, options, self._place(callback))
        return changed

    def _place(self, callback: Any) -> Source | None:
        found = self.callbacks.place(callback) if self.callbacks else None
        if found is None:
            return None
        file, line = found
        return Source(file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.name, line)

    def _source(self, request: Any) -> Source | None:
        if request.type == STACK_TYPE:
            # No line of the program declares it; the innermost of ours would differ with where Groundwork is installed.
            return None
        for position in (*(frame.pc for frame in request.stackTrace.frames), request.sourcePosition):
            if position.uri not in self._files:
                self._files[position.uri] = self._file(position.uri)
            if (file := self._files[position.uri]) is not None:
                return Source(file, position.line)
        return None

    def _file(self, uri: str) -> str | None:
        """Return where a file of the program is below the root; None for what is not of the program."""
        path = Path(unquote(urlparse(uri).path))
        own = path.is_relative_to(self.root) and "site-packages" not in path.parts
        return path.relative_to(self.root).as_posix() if own else None


def _add(response: Any, outputs: dict[str, Any], computed: dict[str, Any]) -> None:
    """Add what AWS computes, beside what the program gave; into an object that it gave, key by key."""
    for name, value in computed.items():
        if isinstance(value, dict) and isinstance(outputs.get(name), dict):
            response.fields[name].struct_value.update(value)
            outputs[name] = {**outputs[name], **value}
        else:
            response.update({name: value})
            outputs[name] = value


class DuplicateUrnError(pulumi.RunError):
    """Two resources of one type under one parent type carry the same name; the real engine refuses that too."""

    def __init__(self, first: Resource) -> None:
        self.name = first.name
        where = f" (first declared at {first.source.file}:{first.source.line})" if first.source else ""
        super().__init__(f"two resources are called {first.name!r} of type {first.type}{where}: {first.urn}")


class _NoMocks(Mocks):
    def call(self, args: Any) -> Any:
        raise NotImplementedError(args.token)

    def new_resource(self, args: Any) -> Any:
        raise NotImplementedError(args.typ)


def to_json(struct: Any) -> dict[str, Any]:
    """Convert a protobuf Struct to plain values, with :class:`Opaque` for what is secret or unknown."""
    return {key: _value(struct.fields[key]) for key in sorted(struct.fields)}


def _without_guesses(value: Any) -> Any:
    """Return a JSON value in which a text that was made up for a function is what it stands for: unknown."""
    if isinstance(value, dict):
        return {key: _without_guesses(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_guesses(item) for item in value]
    return _known_part(value) if isinstance(value, str) and is_made_up(value) else value


def _known_part(text: str) -> Any:
    """Return what is known of a text that holds a guess: of a JSON document all but the guess."""
    try:
        document = json.loads(text)
    except ValueError:
        return Opaque.UNKNOWN
    return json.dumps(_without_guesses(document), default=to_marker)


def _value(value: Any) -> Any:
    read = _READERS.get(value.WhichOneof("kind"))
    return read(value) if read else None


def _mapping(value: Any) -> Any:
    fields = value.struct_value.fields
    if rpc._special_sig_key in fields:
        return _special(fields)
    return {key: _value(fields[key]) for key in sorted(fields)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _known(identifier: str) -> str:
    return "" if identifier == rpc.UNKNOWN else identifier


def _number(value: Any) -> int | float:
    number: float = value.number_value
    return int(number) if number == int(number) else number


_READERS: dict[str, Callable[[Any], Any]] = {
    "struct_value": _mapping,
    "list_value": lambda value: [_value(item) for item in value.list_value.values],
    "number_value": _number,
    "string_value": lambda value: Opaque.UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value,
    "bool_value": lambda value: value.bool_value,
}


_DOCUMENTS = ("policy", "assumeRolePolicy", "accessPolicies", "redrivePolicy", "redriveAllowPolicy", "filterPolicy")
"""Inputs that a program may give as a mapping and that the provider answers as JSON text."""


def _changes(before: Any, after: Any, options: dict[str, Any], source: Source | None) -> Iterator[Transformed]:
    """Yield what differs between a registration as a transform was given it, with its ``options``, and as it is now."""
    if before.properties != after.object:
        was, now = to_json(before.properties), to_json(after.object)
        for one in Comparison().differences(was, now, sensitive=sensitive(after.type)):
            yield Transformed(one.path, one.before, one.after, source)
        for name, value in was.items():
            # Of two secrets it is only seen that they differ.
            secret = value is Opaque.SECRET and now.get(name) is Opaque.SECRET
            if secret and before.properties.fields[name] != after.object.fields[name]:
                yield Transformed(name, Opaque.SECRET, Opaque.SECRET, source)
    for one in Comparison().differences(options, _options(after)):
        yield Transformed(one.path, one.before, one.after, source, option=True)


def _documents_as_text(struct: Any) -> None:
    for name in _DOCUMENTS:
        if name in struct.fields and struct.fields[name].HasField("struct_value"):
            document = to_json(struct.fields[name].struct_value)
            struct.fields[name].string_value = json.dumps(document, default=to_marker)


def _references_as_ids(struct: Any) -> None:
    """Replace a resource given where its id is meant (``role=role``) by the id, as the engine hands it to a
    provider."""
    for value in struct.fields.values():
        _reference_as_id(value)


def _reference_as_id(value: Any) -> None:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        for item in value.list_value.values:
            _reference_as_id(item)
    elif kind == "struct_value":
        fields = value.struct_value.fields
        if rpc._special_sig_key in fields and fields[rpc._special_sig_key].string_value == rpc._special_resource_sig:
            value.string_value = (fields["id"].string_value if "id" in fields else "") or rpc.UNKNOWN
        else:
            _references_as_ids(value.struct_value)


def _special(fields: Any) -> Any:
    signature = fields[rpc._special_sig_key].string_value
    if signature == rpc._special_secret_sig:
        return Opaque.SECRET
    if signature == rpc._special_resource_sig:
        return fields["urn"].string_value
    if signature == rpc._special_output_value_sig:
        hidden = "secret" in fields and fields["secret"].bool_value
        return Opaque.SECRET if hidden else _value(fields["value"]) if "value" in fields else Opaque.UNKNOWN
    # Assets and archives: their content is a file of ours, which the report names by path.
    return {key: _value(fields[key]) for key in sorted(fields) if key != rpc._special_sig_key}


def _options(request: Any) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.protect:
        options["protect"] = True
    if request.retainOnDelete:
        options["retainOnDelete"] = True
    if request.deleteBeforeReplaceDefined:
        options["deleteBeforeReplace"] = request.deleteBeforeReplace
    if request.ignoreChanges:
        options["ignoreChanges"] = sorted(request.ignoreChanges)
    if request.replaceOnChanges:
        options["replaceOnChanges"] = sorted(request.replaceOnChanges)
    if request.provider:
        options["provider"] = request.provider
    aliases = sorted({_alias(alias) for alias in request.aliases})
    if aliases:
        options["aliases"] = aliases
    return options


def _alias(alias: Any) -> str:
    if alias.urn:
        return str(alias.urn)
    spec = alias.spec
    return ", ".join(
        f"{label}={value}"
        for label, value in (("name", spec.name), ("type", spec.type), ("parent", spec.parentUrn))
        if value
    )


def _transform_options(request: Any) -> Any:
    return resource_pb2.TransformResourceOptions(
        depends_on=request.dependencies,
        protect=request.protect,
        ignore_changes=request.ignoreChanges,
        replace_on_changes=request.replaceOnChanges,
        retain_on_delete=request.retainOnDelete,
        aliases=request.aliases,
        provider=request.provider,
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
    )


def _apply_transform_options(request: Any, options: Any) -> None:
    for target, value in (
        (request.dependencies, options.depends_on),
        (request.ignoreChanges, options.ignore_changes),
        (request.replaceOnChanges, options.replace_on_changes),
        (request.aliases, options.aliases),
    ):
        del target[:]
        target.extend(value)
    request.protect = options.protect
    request.retainOnDelete = options.retain_on_delete
    request.provider = options.provider
    if options.HasField("delete_before_replace"):
        request.deleteBeforeReplaceDefined = True
        request.deleteBeforeReplace = options.delete_before_replace
