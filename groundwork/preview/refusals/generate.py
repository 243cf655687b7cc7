"""Writes ``constraints.json`` anew: what AWS says of the inputs of every type in ``types.yaml``; and ``offers.json``: what it offers where.

    pip install botocore==… cfn-lint==…          # the versions that constraints.json names, or newer ones
    python -m groundwork.preview.refusals.generate

Two sources, each read by the names of pulumi-aws: the request of the operation that creates such a resource, from botocore's service
models (Apache-2.0), and the CloudFormation resource type, from the schemas that cfn-lint ships (MIT-0). Where both speak, the
operation is taken: it is what the provider calls.

What regions offer is read of cfn-lint, which has it of AWS's price lists and of the registry of CloudFormation's types. Of a service both
that registry and botocore's endpoints must lack a region before it is said to be without it, since either learns of regions late.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from groundwork.preview.refusals.constraints import EVERY_TYPE, FILE, TYPES, Constraint
from groundwork.preview.refusals.offers import FILE as OFFERS
from groundwork.preview.terraform.names import args_class, properties
from groundwork.preview.terraform.shapes import Shape, ShapeKind, shape_of
from groundwork.settings.data_file import read_data

_MOST_WORDS = 60
"""An enumeration longer than this is a list of classes or types, which AWS adds to and its models lag behind: botocore's of search nodes ends
at the sixth generation."""
_NUMBERS = ("integer", "long", "float", "double")


class SchemaNode(Protocol):
    """A place in one of the sources."""

    @property
    def kind(self) -> str:
        """Return what is kept there, by the source's own word; empty where it has none."""
        ...

    def child(self, names: list[str]) -> SchemaNode | None: ...
    def item(self) -> SchemaNode | None: ...
    def constraint(self) -> Constraint: ...


class Schema:
    """A place in a CloudFormation resource type's JSON Schema."""

    def __init__(self, schema: Any, root: Mapping[str, Any]) -> None:
        self.kind = ""
        while isinstance(schema, dict) and "$ref" in schema:
            self.kind = schema["$ref"]
            schema = _pointed(root, schema["$ref"])
        self._schema: Mapping[str, Any] = schema if isinstance(schema, dict) else {}
        self._root = root

    def child(self, names: list[str]) -> Schema | None:
        found = _by_name(self._schema.get("properties", {}), names)
        return None if found is None else Schema(found, self._root)

    def item(self) -> Schema | None:
        return Schema(self._schema["items"], self._root) if isinstance(self._schema.get("items"), dict) else None

    def constraint(self) -> Constraint:
        own = self._schema
        numeric = own.get("type") in ("integer", "number")
        return Constraint(
            pattern=_pattern(own.get("pattern")),
            words=_words(own.get("enum")),
            length=_bounds(own.get("minLength"), own.get("maxLength")),
            range=_bounds(own.get("minimum"), own.get("maximum")) if numeric else None,
            entries=_bounds(own.get("minItems"), own.get("maxItems")),
        )


class Request:
    """A place in the request of an operation."""

    def __init__(self, shape: Any) -> None:
        self._shape = shape
        self.kind = shape.name if shape.type_name == "structure" else ""

    def child(self, names: list[str]) -> Request | None:
        found = _by_name(getattr(self._shape, "members", {}), names)
        return None if found is None else Request(found)

    def item(self) -> Request | None:
        member = getattr(self._shape, "member", None)
        return None if member is None else Request(member)

    def constraint(self) -> Constraint:
        said = self._shape.metadata
        bounds = _bounds(said.get("min"), said.get("max"))
        kind = self._shape.type_name
        return Constraint(
            pattern=_pattern(f"^(?:{said['pattern']})$" if "pattern" in said else None),
            words=_words(said.get("enum")),
            length=bounds if kind == "string" else None,
            range=bounds if kind in _NUMBERS else None,
            entries=bounds if kind in ("list", "map") else None,
        )


def _pointed(root: Mapping[str, Any], reference: str) -> Any:
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def _by_name(members: Mapping[str, Any], names: list[str]) -> Any:
    plain = {_plain(name): member for name, member in members.items()}
    return next((plain[_plain(name)] for name in names if _plain(name) in plain), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _bounds(least: Any, most: Any) -> tuple[float | None, float | None] | None:
    least, most = (None if least == 0 else least), (None if most is not None and most >= _BOUNDLESS else most)
    return None if least is None and most is None else (least, most)


_BOUNDLESS = 2**31 - 1


def _words(enum: Any) -> tuple[str, ...]:
    words = tuple(str(word) for word in enum or () if not isinstance(word, bool))
    return words if len(words) <= _MOST_WORDS else ()


_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{IsAlphabetic}": r"\w", r"\p{Graph}": r"\S"}


def _pattern(text: str | None) -> str | None:
    """Return a pattern as Python has it; None where it says nothing, or what Python cannot say."""
    if not text or "&&" in text:
        return None
    for theirs, ours in _CLASSES.items():
        text = text.replace(theirs, ours)
    text = re.sub(r"\\x\{([0-9A-Fa-f]+)\}", lambda match: f"\\U{int(match[1], 16):08x}", text)
    if r"\p" in text or r"\P" in text or re.fullmatch(r"\^?\(?(\?:)?(\.|\[\\s\\S\]|\[\\S\\s\])[*+]\)?\$?", text):
        return None
    try:
        re.compile(text)
    except re.error:
        return None
    return text


def constraints_of(token: str, row: Mapping[str, Any], sources: list[SchemaNode]) -> dict[str, Constraint]:
    """Map the path of an input to what AWS says of it, for one type."""
    args = args_class(token)
    if args is None:
        raise SystemExit(f"{token} is not a type of the pulumi-aws that is installed")
    return dict(_walk(args, sources, row, "", frozenset()))


def _walk(
    args: type, nodes: list[SchemaNode], row: Mapping[str, Any], path: str, around: frozenset[str]
) -> Iterator[tuple[str, Constraint]]:
    """Yield each input's path and constraint. ``around`` is what the walk is inside of: a statement in a statement has
    been said already."""
    names = row.get("names", {})
    nodes = [node for node in nodes if node.kind not in around]
    around |= {node.kind for node in nodes if node.kind}
    for prop, annotation in properties(args).items():
        place = f"{path}.{prop}" if path else prop
        said = names.get(place, prop)
        if said is None:
            continue
        wanted = _likely(said, "" if path else row["thing"])
        below = [child for node in nodes if (child := _descend(node, wanted))]
        if below:
            yield from _at(shape_of(annotation), below, row, place, around)


def _likely(said: str, thing: str) -> list[str]:
    """List what an input may be called there: by its own name, after the thing (``roleName``), in the singular or
    plural."""
    last = said.rsplit("/", 1)[-1]
    more = [last.removesuffix("s"), f"{last}s"] + ([f"{last[:-3]}y"] if last.endswith("ies") else [])
    return [
        said,
        *(
            [f"{thing}{last}", f"{thing}Identifier"]
            if thing and last == "name"
            else [f"{thing}{last}"]
            if thing
            else []
        ),
        *more,
    ]


def _descend(node: SchemaNode, wanted: list[str]) -> SchemaNode | None:
    *groups, _ = wanted[0].split("/")
    at: SchemaNode | None = node
    for group in groups:
        at = at.child([group]) if at else None
    return at.child([name.rsplit("/", 1)[-1] for name in wanted]) if at else None


def _at(
    shape: Shape, nodes: list[SchemaNode], row: Mapping[str, Any], place: str, around: frozenset[str]
) -> Iterator[tuple[str, Constraint]]:
    if shape.kind is ShapeKind.MAP:
        yield from _of_map(nodes, place)
        return
    items = [item for node in nodes if (item := node.item())]
    if shape.kind in (ShapeKind.LIST, ShapeKind.BLOCKS):
        yield from _first_constraints(place, nodes, "entries")
        nodes, place = items or nodes, f"{place}[]"
    if shape.args:
        yield from _walk(shape.args, nodes, row, place, around)
    else:
        yield from _first_constraints(place, nodes, "pattern", "words", "length", "range")


def _of_map(nodes: list[SchemaNode], place: str) -> Iterator[tuple[str, Constraint]]:
    """Yield the constraints of a map. A map here is a list of keys and values there: tags, parameters."""
    items = [item for node in nodes if (item := node.item())]
    for end, names in (("{key}", ["Key", "TagKey"]), ("{}", ["Value", "TagValue"])):
        found = [child for item in items if (child := item.child(names))]
        yield from _first_constraints(f"{place}{end}", found, "pattern", "words", "length")


def _first_constraints(place: str, nodes: list[SchemaNode], *kinds: str) -> Iterator[tuple[str, Constraint]]:
    """Yield what the first node that speaks says of each kind."""
    said = [node.constraint() for node in nodes]
    first = {kind: next((found for one in said if (found := getattr(one, kind))), None) for kind in kinds}
    constraint = Constraint(**{kind: value for kind, value in first.items() if value})
    if constraint != Constraint():
        yield place, constraint


def main() -> None:
    """Write the files."""
    loader = import_module("botocore.session").get_session()
    schemas = import_module("cfnlint.schema.manager").ProviderSchemaManager()
    types: dict[str, dict[str, Constraint]] = {}
    table = read_data(TYPES)
    for token, row in table["types"].items():
        sources: list[SchemaNode] = []
        if "operation" in row:
            service, _, operation = row["operation"].partition(".")
            shape = loader.get_service_model(service).operation_model(operation).input_shape
            sources.append(_under(Request(shape), row.get("under", "")))
        if "cloudformation" in row:
            schema = schemas.get_resource_schema("us-east-1", row["cloudformation"]).schema
            sources.append(_under(Schema(schema, schema), row.get("under", "")))
        thing = row.get("thing") or row.get("cloudformation", "").rpartition("::")[2]
        left_out = set(row.get("leave", ()))
        found = constraints_of(token, {**row, "thing": thing}, sources)
        types[token] = {path: one for path, one in found.items() if path not in left_out}
        types[token] |= {path: Constraint(**said) for path, said in table["pages"].get(token, {}).items()}
    types[EVERY_TYPE] = {path: Constraint(**said) for path, said in table["pages"][EVERY_TYPE].items()}
    FILE.write_text(_dumps(types), encoding="utf-8")
    offers = _offers(loader, table)
    rows = (f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in offers.items())
    OFFERS.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    sys.stdout.write(f"{sum(map(len, types.values()))} inputs of {len(types)} types\n")


def _offers(session: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what AWS offers in which region."""
    folder = Path(import_module("cfnlint").__file__ or "").parent / "data"
    schemas = folder / "schemas"
    registered = {file.stem for file in (schemas / "providers").glob("*-*.json")}
    regions = sorted(registered & _json(schemas / "extensions" / f"{_CLASSES_OF['ec2']}.json").keys())

    def extension(name: str) -> dict[str, Any]:
        found = _json(schemas / "extensions" / f"{name}.json")
        return {region: rows for region, rows in found.items() if region in regions}

    classes = {kind: _enums(extension(name)) for kind, name in _CLASSES_OF.items()}
    for region, rows in extension("aws_rds_dbinstance/dbinstanceclass_enum").items():
        for row in rows["allOf"]:
            engine = row["if"]["properties"]["Engine"]["const"]
            sizes = row["then"]["properties"]["DBInstanceClass"]["enum"]
            classes.setdefault(f"rds:{engine}", {}).setdefault(region, []).extend(sizes)
    return {
        "sources": _sources(),
        "as_of": _json(schemas / "version.json")["schema_date"][:10],
        "regions": regions,
        "classes": {kind: _by_mask(by_region, regions) for kind, by_region in sorted(classes.items())},
        "versions": {
            row["if"]["properties"]["Engine"]["const"]: row["then"]["properties"]["EngineVersion"]["enum"]
            for name in ("aws_rds_dbinstance", "aws_rds_dbcluster", "aws_elasticache_cachecluster")
            for row in _json(schemas / "extensions" / name / "engine_version.json")["allOf"]
            if "EngineVersion" in row["if"]["properties"]
        },
        "runtimes": {
            name: {"create": row["create-block"], "update": row["update-block"], "successor": row["successor"]}
            for name, row in _json(folder / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json").items()
        },
        "lacking": dict(_lacking(session, table, schemas / "providers", regions)),
    }


_CLASSES_OF = {
    "ec2": "aws_ec2_instance/instancetype_enum",
    "cache": "aws_elasticache_cachecluster/cachenodetype_enum",
    "search": "aws_opensearchservice_domain/clusterconfig_instancetype_enum",
}
_FEWEST_REGIONS = 5
"""A service with fewer endpoints is one for all regions."""


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _enums(by_region: Mapping[str, Any]) -> dict[str, list[str]]:
    return {region: rows["enum"] for region, rows in by_region.items()}


def _by_mask(by_region: Mapping[str, list[str]], regions: list[str]) -> dict[str, dict[str, str]]:
    """Return classes by family, and of a family by the regions that have them: a number whose lowest bit is the first
    region."""
    places: dict[str, int] = {}
    for region, classes in by_region.items():
        for name in classes:
            places[name] = places.get(name, 0) | 1 << regions.index(region)
    families: dict[str, dict[str, list[str]]] = {}
    for name, mask in sorted(places.items()):
        family, _, size = name.removesuffix(".search").rpartition(".")
        families.setdefault(family, {}).setdefault(f"{mask:x}", []).append(size)
    return {family: {mask: " ".join(sizes) for mask, sizes in masks.items()} for family, masks in families.items()}


def _lacking(
    session: Any, table: Mapping[str, Any], providers: Path, regions: list[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the types that some regions are without, and which."""
    registered = {region: _json(providers / f"{region}.json") for region in regions}
    for token, row in table["types"].items():
        service = row.get("operation", "").partition(".")[0]
        partitions = ("aws", "aws-cn", "aws-us-gov")
        endpoints = (
            [region for one in partitions for region in session.get_available_regions(service, one)] if service else []
        )
        if "cloudformation" in row and len(endpoints) >= _FEWEST_REGIONS:
            lacking = [one for one in regions if row["cloudformation"] not in registered[one] and one not in endpoints]
            if lacking:
                yield token, lacking


def _sources() -> dict[str, str]:
    return {"botocore": f"{version('botocore')}, Apache-2.0", "cfn-lint": f"{version('cfn-lint')}, MIT-0"}


def _under(node: SchemaNode, groups: str) -> SchemaNode:
    """Return the node below, where both sources keep a resource in one group: ``DistributionConfig``. A source that
    does not is taken as it is."""
    for group in filter(None, groups.split("/")):
        node = node.child([group]) or node
    return node


def _dumps(types: Mapping[str, Mapping[str, Constraint]]) -> str:
    patterns = sorted({one.pattern for found in types.values() for one in found.values() if one.pattern})
    head = {
        "sources": _sources(),
        "patterns": patterns,
    }
    rows = (
        f" {json.dumps(token)}: "
        + json.dumps({path: one.to_json(patterns) for path, one in sorted(found.items())}, separators=(",", ":"))
        for token, found in sorted(types.items())
    )
    return json.dumps(head, indent=0)[:-2] + ',\n"types": {\n' + ",\n".join(rows) + "\n}\n}\n"


if __name__ == "__main__":
    main()
