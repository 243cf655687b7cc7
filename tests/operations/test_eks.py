"""A Deployment's image, and a Job, on a stand-in for the Kubernetes API that keeps what it is given.

That a real API server takes such a change, and the next update of the stack beside it, is what ``make verify-kubernetes`` shows.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import kubernetes
import pytest

from groundwork.operations.account import open_account
from groundwork.operations.engines import eks, runner
from groundwork.operations.engines.eks import EksOperations
from groundwork.operations.errors import CommandFailedError, DeploymentFailedError, OperationError
from tests.operations.cluster import NEW, OLD, World, ready, serving, stuck
from tests.operations.shop import STACK_FILE, Clock, account, client


@pytest.fixture
def world() -> Iterator[tuple[World, EksOperations]]:
    with serving() as found:
        yield found


def image(world: World) -> str:
    return str(world.deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def test_the_image_changes_alone_under_a_name_of_its_own(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    before = copy.deepcopy(found.deployment["spec"])
    found.steps = [lambda _: None, ready(1, 0, 3), ready(2, 2, 2)]
    clock = Clock()
    cluster.roll_out("web", NEW, clock.progress(), 600)
    before["template"]["spec"]["containers"][0]["image"] = NEW
    assert found.deployment["spec"] == before
    assert found.managers == ["fieldManager=groundwork-deploy"]
    assert clock.lines == [
        "  0:00  1 of 2 new copies started, 0 ready, 2 old",
        "  0:03  2 of 2 new copies started, 2 ready, 0 old",
    ]


def test_a_rollout_that_the_cluster_has_not_seen_is_not_done(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    found.deployment["metadata"]["generation"] = 2
    assert cluster.under_way("web", "image:1") == "a rollout is under way (the cluster has not seen the change yet)"
    ready(2, 2, 3)(found)
    assert cluster.under_way("web", "image:1") == "a rollout is under way (2 of 2 new copies started, 2 ready, 1 old)"
    ready(2, 2, 2)(found)
    assert cluster.under_way("web", "image:1") is None


def test_pods_that_do_not_get_ready_bring_the_old_image_back_and_say_why(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    found.pods = [
        {
            "metadata": {"name": "web-1"},
            "status": {
                "containerStatuses": [
                    {
                        "name": "web",
                        "image": NEW,
                        "imageID": "",
                        "ready": False,
                        "restartCount": 3,
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
                    }
                ]
            },
        }
    ]
    found.steps = [lambda _: None, stuck]
    with pytest.raises(
        DeploymentFailedError, match=r"timed out\nCrashLoopBackOff: back-off 40s\nit ended with 1: Error"
    ):
        cluster.roll_out("web", NEW, Clock().progress(), 600)
    assert image(found) == OLD


def test_pods_that_take_too_long_bring_the_old_image_back(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    found.steps = [lambda _: None, ready(1, 0, 3)]
    with pytest.raises(DeploymentFailedError, match="not ready after 2 minutes"):
        cluster.roll_out("web", NEW, Clock().progress(), 120)
    assert image(found) == OLD


def test_a_pod_can_be_lost_and_is_gone_then(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    with pytest.raises(OperationError, match="the cluster shows no pod of web; look: groundwork status"):
        cluster.a_copy("web")
    found.pods = [{"metadata": {"name": "web-1"}}, {"metadata": {"name": "web-2"}}]
    lost = cluster.a_copy("web")
    assert (lost.id, lost.command) == ("the pod web-1", f"kubectl delete pod web-1 --namespace {cluster.namespace}")
    assert not lost.is_gone()
    lost.lose()
    assert found.deleted[-1].endswith("/pods/web-1")
    found.pods = found.pods[1:]
    assert lost.is_gone()


def complete(kind: str) -> Callable[[World], None]:
    def step(world: World) -> None:
        world.deployment["status"] = {"conditions": [{"type": kind, "status": "True", "message": "it failed"}]}
        world.pods = [{"metadata": {"name": "web-run-x1-abc"}, "status": {"phase": "Succeeded"}}]

    return step


def test_a_command_runs_in_a_job_that_no_request_reaches_and_that_goes_again(
    world: tuple[World, EksOperations],
) -> None:
    found, cluster = world
    found.log = "Applying 0001\nOK\n"
    found.steps = [lambda _: None, lambda _: None, complete("Complete")]
    assert list(cluster.run("web", ["manage.py", "migrate"], Clock().progress(), 90)) == ["Applying 0001", "OK"]
    [job] = found.jobs
    pod = job["spec"]["template"]
    assert eks.NAME_LABEL not in pod["metadata"]["labels"]
    assert pod["spec"]["serviceAccountName"] == "web"
    assert pod["spec"]["restartPolicy"] == "Never"
    [container] = pod["spec"]["containers"]
    assert container == {"name": "web", "image": OLD, "args": ["manage.py", "migrate"]}
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 90)
    assert found.deleted == ["/apis/batch/v1/namespaces/shop/jobs/web-run-x1"]


def test_a_command_that_fails_leaves_no_job_behind(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    found.steps = [lambda _: None, complete("Failed")]
    with pytest.raises(CommandFailedError, match="it failed"):
        list(cluster.run("web", ["x"], Clock().progress(), 90))
    assert found.deleted


def test_a_job_is_made_of_its_cron_job_with_the_image_that_comes(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    found.log = "Applying 0001\n"
    found.steps = [lambda _: None, complete("Complete")]
    assert list(cluster.run_job("migrate", NEW, (), Clock().progress(), 600)) == ["Applying 0001"]
    [job] = found.jobs
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (1, 600)
    assert job["metadata"]["labels"] == {eks.NAME_LABEL: "migrate"}
    pod = job["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["restartPolicy"]) == ("migrate", "Never")
    assert pod["containers"] == [{"name": "migrate", "image": NEW, "args": ["manage.py", "migrate"]}]
    # It stays to be looked at, and runs this image from now on.
    assert found.deleted == []
    container = {"name": "migrate", "image": NEW}
    assert found.patches == [{"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container]}}}}}}]


def test_a_job_that_fails_keeps_its_image_and_can_be_looked_at(world: tuple[World, EksOperations]) -> None:
    found, cluster = world
    found.steps = [complete("Failed")]
    with pytest.raises(CommandFailedError, match="it failed"):
        list(cluster.run_job("migrate", NEW, ["check"], Clock().progress(), 600))
    assert found.jobs[0]["spec"]["template"]["spec"]["containers"][0]["args"] == ["check"]
    assert (found.deleted, found.patches) == ([], [])


def test_a_run_by_another_deployment_is_seen_and_what_has_ended_is_not(world: tuple[World, EksOperations]) -> None:
    api, runner = world
    api.jobs = [
        {"metadata": {"name": "migrate-run-x7k2p"}, "status": {"succeeded": 1}},
        # Of the schedule, and of another job.
        {"metadata": {"name": "migrate-29401620"}, "status": {"active": 1}},
        {"metadata": {"name": "migrate-run-old-run-b4n9z"}, "status": {"active": 1}},
    ]
    assert runner.job_under_way("migrate") is None
    api.jobs.append({"metadata": {"name": "migrate-run-b4n9z"}, "status": {"active": 1}})
    assert runner.job_under_way("migrate") == "the Job migrate-run-b4n9z has not ended"


def test_a_job_that_is_not_there_wants_an_update(world: tuple[World, EksOperations]) -> None:
    _, cluster = world
    with pytest.raises(OperationError, match="there is no CronJob other in the namespace shop; run pulumi up first"):
        list(cluster.run_job("other", None, (), Clock().progress(), 60))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, r"does not allow it .*compute\.kubernetes\.access"),
        (404, "there is no Deployment web in the namespace shop; run pulumi up first"),
        (500, "the cluster says 500"),
    ],
)
def test_what_the_cluster_refuses_is_said_with_what_to_do(
    world: tuple[World, EksOperations], status: int, said: str
) -> None:
    found, cluster = world
    found.refuse = status
    with pytest.raises(OperationError, match=said):
        cluster.under_way("web", "image:1")


def test_a_cluster_that_does_not_answer_may_be_private() -> None:
    configuration = kubernetes.client.Configuration(host="http://127.0.0.1:9")
    configuration.retries = False
    with pytest.raises(
        OperationError, match=r"does not answer; its endpoint is private unless compute\.kubernetes\.endpoint"
    ):
        EksOperations("shop", kubernetes.client.ApiClient(configuration)).under_way("web", "image:1")


def test_a_terminal_is_opened_by_kubectl_with_a_file_that_nobody_else_may_read(
    world: tuple[World, EksOperations], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cluster = world
    cluster._api.configuration.api_key["authorization"] = "Bearer hush"
    monkeypatch.setattr(runner.shutil, "which", lambda name: f"/bin/{name}")
    session = cluster.session("web", "/bin/sh -l")
    [file] = session.files
    try:
        assert session.words == (
            "/bin/kubectl",
            "--namespace",
            "shop",
            "exec",
            "-it",
            "deployment/web",
            "--",
            "/bin/sh",
            "-l",
        )
        assert file.stat().st_mode & 0o077 == 0
        assert json.loads(file.read_text())["users"][0]["user"]["token"] == "hush"
    finally:
        file.unlink()


def test_the_cluster_of_a_stack_is_asked_with_a_signed_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_eks = STACK_FILE.replace("{engine: fargate, exec: true}", "{engine: eks}")
    with account(tmp_path, monkeypatch, on_eks):
        with pytest.raises(OperationError, match="there is no cluster shop-dev"):
            eks.connect(open_account("dev"))
        client("eks").create_cluster(
            name="shop-dev", roleArn="arn:aws:iam::123456789012:role/x", resourcesVpcConfig={"subnetIds": []}
        )
        found = eks.connect(open_account("dev"))
    token = found._api.configuration.api_key["authorization"]
    assert token.startswith("Bearer k8s-aws-v1.")
    assert Path(found._api.configuration.ssl_ca_cert).read_bytes()
