"""What a preview imports of a provider's SDK is the SDK itself, only less of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
# One without nested values, one with them, and another provider's.
_SERVICES = ("pulumi_aws.sns", "pulumi_aws.ecr", "pulumi_kubernetes.policy.v1")
_MEMBERS = """
import importlib, inspect, json, sys
from pulumi import _types
if {lazily}:
    from groundwork.preview.lazy_providers import install
    install()
def told(value):
    if not isinstance(value, type):
        return type(value).__name__
    return [
        value.__module__, value.__qualname__, [base.__name__ for base in value.__mro__], sorted(getattr(value, "__annotations__", {{}})),
        str(inspect.signature(value.__init__)), value.__doc__,
        {{name: str(type_) for name, type_ in _types._types_from_py_properties(value).items()}},
    ]
found = {{}}
for name in {services}:
    service = importlib.import_module(name)
    outputs = getattr(service, "outputs", None)
    names = dict.fromkeys(sys.argv[1:]) or [one for one in dir(service) if not one.startswith("_")]
    found[name] = {{one: told(getattr(service, one)) for one in names if one not in ("typing", "outputs")}}
    found[name + ".outputs"] = {{one: told(getattr(outputs, one)) for one in dir(outputs) if one[:1].isupper() and one not in ("Any", "TypeAlias")}}
print(json.dumps(found))
"""


def _run(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _members(*, lazily: bool) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(_run(_MEMBERS.format(lazily=lazily, services=_SERVICES)))
    return found


def test_every_member_of_a_service_is_the_one_that_python_would_have_imported() -> None:
    lazily, wholly = _members(lazily=True), _members(lazily=False)

    assert len(wholly["pulumi_aws.ecr"]) > 15
    assert len(wholly["pulumi_kubernetes.policy.v1.outputs"]) > 5
    for service, members in wholly.items():
        # Modules of resources hang at their package once they are imported, in either way.
        expected = {name: told for name, told in members.items() if told != "module"}
        assert {name: told for name, told in lazily[service].items() if told not in ("module", "_Nested")} == expected


def test_a_resource_is_imported_without_the_rest_of_its_service() -> None:
    said = _run(
        "from groundwork.preview.lazy_providers import install; install()\n"
        "import sys, pulumi_aws as aws\n"
        "aws.ec2.Vpc, aws.ec2.VpcArgs, aws.ec2.get_vpc_output, aws.wafv2.WebAclDefaultActionArgs\n"
        "print(*sorted(name for name in sys.modules if name.startswith(('pulumi_aws.ec2.', 'pulumi_aws.wafv2.'))))\n"
        "print(len(vars(sys.modules['pulumi_aws.wafv2._inputs'])) < 40)"
    )

    imported, few = said.splitlines()
    assert imported.split() == [
        "pulumi_aws.ec2._enums",
        "pulumi_aws.ec2._inputs",
        "pulumi_aws.ec2.get_vpc",
        "pulumi_aws.ec2.outputs",
        "pulumi_aws.ec2.vpc",
        "pulumi_aws.wafv2._inputs",
    ]
    assert few == "True"


def test_what_was_imported_before_stays_whole_and_what_was_only_found_is_lazy() -> None:
    said = _run(
        "import sys, pulumi_aws as aws, pulumi_kubernetes as kubernetes\n"
        "aws.sns.Topic\n"
        "from groundwork.preview.lazy_providers import install; install()\n"
        "print(aws.sns.TopicArgs.__name__, aws.ProviderAssumeRoleArgs.__name__, aws.s3.BucketOwnershipControlsRuleArgs.__name__)\n"
        "print('pulumi_aws.s3.access_point' in sys.modules, kubernetes.core.v1.ContainerArgs.__name__)"
    )

    assert said.splitlines() == [
        "TopicArgs ProviderAssumeRoleArgs BucketOwnershipControlsRuleArgs",
        "False ContainerArgs",
    ]


def test_a_star_takes_all_of_a_service_and_what_is_not_there_is_an_error() -> None:
    said = _run(
        "from groundwork.preview.lazy_providers import install; install()\n"
        "import pulumi_aws as aws; aws.sqs.QueueArgs; import pulumi_aws.sqs.get_queue\n"
        "assert callable(pulumi_aws.sqs.get_queue), 'a function hangs where its module would'\n"
        "from pulumi_aws.sqs import *\n"
        "print(Queue.__name__, QueueArgs.__name__, get_queue_output.__name__)\n"
        "import pulumi_aws as aws\n"
        "for module in (aws.ecr, aws.ecr.outputs):\n"
        "    try: module.Quueue\n"
        "    except AttributeError as error: print(error)"
    )

    assert said.splitlines() == [
        "Queue QueueArgs get_queue_output",
        "module 'pulumi_aws.ecr' has no attribute 'Quueue'",
        "module 'pulumi_aws.ecr.outputs' has no attribute 'Quueue'",
    ]


def test_a_package_that_is_written_otherwise_is_loaded_as_python_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pulumi_aws" / "odd"
    package.mkdir(parents=True)
    (tmp_path / "pulumi_aws" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("from .part import *\nVERSION = len('abc')\n")
    (package / "part.py").write_text("__all__ = ['Part']\nclass Part: pass\n")
    (package / "_inputs.py").write_text("class Strange: pass\n")
    (package / "outputs.py").write_text("class Told: pass\n")

    said = _run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from groundwork.preview.lazy_providers import install; install()\n"
        "from pulumi_aws.odd import Part, VERSION\n"
        "from pulumi_aws.odd._inputs import Strange\n"
        "from pulumi_aws.odd.outputs import Told\n"
        "print(VERSION, Part.__name__, Strange.__name__, Told.__name__)"
    )

    assert said.split() == ["3", "Part", "Strange", "Told"]
