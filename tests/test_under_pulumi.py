"""The program as Pulumi's language host runs it: in a process of its own, asking engine and monitor over gRPC."""

from pathlib import Path

import pytest

from groundwork.components.functions.artefacts import artefact
from tests import host
from tests.stacks import ROOT

PLATFORM = {"name": "shop", "stage": "dev", "phase": "launch"}
SERVICES = {"web": {"port": 3000, "path": "/*"}}


def test_a_first_preview_ends_well_and_tells_what_is_left_open() -> None:
    ended = host.run({"platform": {**PLATFORM, "stage": "prod", "domain": "shop.example.com"}, "services": SERVICES})
    assert (ended.code, ended.errors, ended.printed) == (0, [], "")
    assert {"aws:route53/zone:Zone", "aws:ecs/service:Service"} <= ended.types
    # What waits for a domain that nobody has delegated would hold up the update, and with it the zone's name servers.
    assert not {"aws:acm/certificateValidation:CertificateValidation", "aws:route53/record:Record"} & ended.types
    alarms, domain = ended.warnings
    assert alarms.startswith("prod's alarms reach nobody; name somebody")
    assert domain.startswith(
        "shop.example.com waits to be delegated, and until then the platform answers at CloudFront"
    )


@pytest.mark.parametrize(
    ("config", "parameters", "error"),
    [
        (
            {"platform": {**PLATFORM, "phase": "lunch"}},
            {},
            'the stack file has mistakes:\nplatform.phase: "lunch" is not allowed; use mvp, launch,',
        ),
        (
            {"platform": PLATFORM, "services": SERVICES},
            {"/shop/dev/services/images/web": "nginx:1"},
            'the parameter /shop/dev/services/images/web says "nginx:1", which is no image of web; write ',
        ),
    ],
    ids=["a mistake in the stack file", "an image of somebody else"],
)
def test_what_the_program_refuses_is_one_plain_error(
    config: dict[str, object], parameters: dict[str, str], error: str
) -> None:
    ended = host.run(config, parameters=parameters)
    assert (ended.code, ended.printed) == (1, "")
    [message] = ended.errors
    assert message.startswith(error)
    assert "Traceback" not in message


WHO, WHICH = "aws:index/getCallerIdentity:getCallerIdentity", "aws:ssm/getParametersByPath:getParametersByPath"
REFUSALS = {
    "nobody is signed in to AWS": (WHO, "No valid credential sources found", "see whether `aws sts get-caller-identity` answers"),
    "images may not be asked for": (WHICH, "AccessDenied", "whoever runs this needs ssm:GetParametersByPath there"),
    "a registration is refused": ("aws:ec2/vpc:Vpc", "Duplicate resource URN", "Duplicate resource URN"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_what_engine_or_provider_refuses_is_one_plain_error(case: str) -> None:
    token, refusal, said = REFUSALS[case]
    asking = {"services": SERVICES} if token == WHICH else {}
    ended = host.run({"platform": {**PLATFORM, "phase": "mvp"}, **asking}, refused={token: refusal})
    assert (ended.code, ended.printed) == (1, "")
    [message] = ended.errors
    assert refusal in message
    assert said in message
    assert "Traceback" not in message


@pytest.mark.skipif(
    (ROOT / artefact("functions/notification_processor", ROOT)).is_file(), reason="functions are packaged here"
)
def test_without_the_packages_of_functions_it_says_how_to_make_them() -> None:
    function = {"code": "functions/notification_processor"}
    ended = host.run({"platform": PLATFORM, "functions": {"notification-processor": function}})
    assert (ended.code, ended.printed) == (1, "")
    assert ended.errors == [
        f"functions.notification-processor: its package {artefact('functions/notification_processor', ROOT)} is not there; run "
        "`make functions`, which makes all of them"
    ]


def test_pulumi_install_brings_no_kubernetes_where_no_stack_asks_for_it() -> None:
    """Pulumi loads the plugin of every provider whose package is installed in the program's environment."""
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert "pulumi-kubernetes" not in pinned
    assert "pulumi-kubernetes==" in (ROOT / "requirements-kubernetes.txt").read_text(encoding="utf-8")
    # What is in both is the same version, so that one after the other changes nothing.
    both = [Path(ROOT, f"requirements{part}.txt").read_text(encoding="utf-8") for part in ("", "-kubernetes", "-dev")]
    base, kubernetes, dev = ({line for line in text.splitlines() if "==" in line} for text in both)
    assert base <= kubernetes <= dev
