"""Values that pods read when they start: mounted from Secrets Manager and Parameter Store, and from there in the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from groundwork.components.access import ParameterReference, SecretReference, Statement, policy_document
from groundwork.components.compute.eks.inside import Inside
from groundwork.components.compute.references import Reference, read_statements
from groundwork.components.compute.workload import Workload

API_VERSION = "secrets-store.csi.x-k8s.io/v1"
KIND = "SecretProviderClass"


@dataclass(frozen=True)
class Values:
    """Where a pod finds its values."""

    provider_class: str
    secret_name: str
    names: tuple[str, ...]
    ready: tuple[pulumi.Resource, ...]


def values(inside: Inside, workload: Workload) -> Values | None:
    """Create the SecretProviderClass of the service's values, and grant read access to them; None where it has none.

    The driver asks with the pod's own identity, and copies the values into a Secret only while a pod mounts them.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-examples.html
    """
    if not workload.references:
        return None
    names = tuple(sorted(workload.references))
    policy = aws.iam.RolePolicy(
        f"{inside.parent.name}-{workload.name}-values",
        role=workload.role_name,
        policy=policy_document(_statements(workload, inside.parent.context.region)),
        opts=inside.parent.child(),
    )
    made = kubernetes.apiextensions.CustomResource(
        f"{inside.parent.name}-{workload.name}",
        api_version=API_VERSION,
        kind=KIND,
        metadata=inside.metadata(workload.name, service=workload.name),
        spec={
            "provider": "aws",
            "parameters": {
                "region": inside.parent.context.region,
                "usePodIdentity": "true",
                "objects": objects([(name, workload.references[name]) for name in names]),
            },
            "secretObjects": [
                {
                    "secretName": workload.name,
                    "type": "Opaque",
                    "data": [{"objectName": name, "key": name} for name in names],
                }
            ],
        },
        opts=inside.options(),
    )
    return Values(workload.name, workload.name, names, (policy, made))


def _statements(workload: Workload, region: str) -> list[Statement]:
    """Return the permissions to read values, and to look whether a mounted secret has a new version."""
    statements = read_statements(workload.references, region)
    return [
        *statements,
        *(
            Statement("DescribeSecrets", ("secretsmanager:DescribeSecret",), statement.resources)
            for statement in statements
            if statement.sid == "ReadSecrets"
        ),
    ]


def objects(references: Sequence[tuple[str, Reference]]) -> pulumi.Output[str]:
    """Return what to mount, each value under the name of its variable. JSON, which is also the YAML that the driver
    wants."""
    found = [_found_by(reference) for _, reference in references]
    return pulumi.Output.all(*found).apply(
        lambda known: json.dumps(
            _grouped([(*reference, str(name)) for reference, name in zip(references, known, strict=True)])
        )
    )


def _found_by(reference: Reference) -> pulumi.Input[str]:
    return reference.name if isinstance(reference, ParameterReference) else reference.arn


def _grouped(found: Sequence[tuple[str, Reference, str]]) -> list[dict[str, Any]]:
    """Group values by secret: the driver takes each once, however many keys of it are wanted."""
    grouped: dict[str, dict[str, Any]] = {}
    for variable, reference, name in found:
        is_secret = isinstance(reference, SecretReference)
        entry = grouped.setdefault(
            name, {"objectName": name, "objectType": "secretsmanager" if is_secret else "ssmparameter"}
        )
        if isinstance(reference, SecretReference) and reference.key:
            entry.setdefault("jmesPath", []).append({"path": _path(reference.key), "objectAlias": variable})
        else:
            entry["objectAlias"] = variable
    return list(grouped.values())


def _path(key: str) -> str:
    """Return a key as JMESPath has it: https://jmespath.org/specification.html#identifiers"""
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) else json.dumps(key)
