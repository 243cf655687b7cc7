"""File systems that services share: on every engine that can mount them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from groundwork.operations.bootstrap.permissions import _table as table
from groundwork.operations.bootstrap.permissions import access
from groundwork.preview.changes.compare import compare
from groundwork.preview.changes.model import Action
from groundwork.preview.diagram.graph import graph_of
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from groundwork.settings.loading import find_stack
from guardrails.iam.services import matching
from tests.stacks import ROOT, run_found
from tests.test_guardrails_on_stacks import TODAY
from tests.writing import mistakes_in, write_project

SYSTEM = "aws:efs/fileSystem:FileSystem"
POINT = "aws:efs/accessPoint:AccessPoint"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
POLICY = "aws:iam/rolePolicy:RolePolicy"

ENGINES = {
    "fargate": "fargate",
    "ecs-ec2": "ecs-ec2, instances: {class: m7g.large, max: 10}",
    "eks": "eks, kubernetes: {nodes: {general: {max: 10}}}",
}
SHOP = """
    aws:region: us-east-1
    groundwork:platform: {{name: shop, stage: {stage}, phase: launch, timezone: Europe/Berlin}}
    groundwork:compute: {{engine: {engine}}}
    groundwork:services:
      web: {{port: 8080, path: "/*", uses: {{uploads: {{level: read, path: /srv/uploads}}}}}}
      worker: {{uses: {{uploads: {{level: read-write, variables: {{MEDIA_ROOT: UPLOADS_PATH}}}}, drafts: read-write}}}}
      api: {{port: 9000}}
    groundwork:jobs:
      clean: {{image: {{from: worker}}, command: [clean], schedule: "0 3 ? * * *"}}
    groundwork:files:
      uploads: {{}}
      drafts: {{owner: "2000:3000", infrequent_after: 1, archive_after: null, backups: false}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def on(engine: str, *, stage: str = "dev", delivered: bool = True) -> Snapshot:
        text = SHOP.format(engine=ENGINES[engine], stage=stage)
        folder = write_project(tmp_path_factory.mktemp(engine), text, main=str(ROOT))
        return run_found(find_stack("dev", folder), delivered=delivered)

    return on


def one(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == name]
    return found


def statements(snapshot: Snapshot, name: str) -> dict[str, dict[str, Any]]:
    document = json.loads(one(snapshot, POLICY, f"shop-compute-{name}").inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_a_file_system_is_encrypted_and_entered_by_its_access_point_alone(shop: Any) -> None:
    snapshot = shop("fargate")
    system = one(snapshot, SYSTEM, "shop-uploads")
    assert system.inputs["kmsKeyId"] in {key.outputs["arn"] for key in snapshot.of_type("aws:kms/key:Key")}
    assert (system.inputs["encrypted"], system.inputs["throughputMode"]) == (True, "elastic")
    assert system.inputs["lifecyclePolicies"] == [
        {"transitionToIa": "AFTER_30_DAYS"}, {"transitionToArchive": "AFTER_90_DAYS"}
    ]  # fmt: skip
    point = one(snapshot, POINT, "shop-uploads")
    assert point.inputs["posixUser"] == {"uid": 1000, "gid": 1000}
    assert point.inputs["rootDirectory"]["path"] == "/uploads"
    document = json.loads(one(snapshot, "aws:efs/fileSystemPolicy:FileSystemPolicy", "shop-uploads").inputs["policy"])
    said = {statement["Sid"]: statement for statement in document["Statement"]}
    assert {statement["Effect"] for statement in said.values()} == {"Deny"}
    assert said["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert said["AccessPointOnly"]["Condition"] == {
        "StringNotEquals": {"elasticfilesystem:AccessPointArn": point.outputs["arn"]}
    }
    subnets = {subnet.outputs["id"] for subnet in snapshot.of_type("aws:ec2/subnet:Subnet") if "private" in subnet.name}
    for name in ("uploads", "drafts"):
        targets = [
            target for target in snapshot.of_type("aws:efs/mountTarget:MountTarget") if f"shop-{name}" in target.name
        ]
        assert {target.inputs["subnetId"] for target in targets} == subnets
    drafts = one(snapshot, POINT, "shop-drafts").inputs
    assert (drafts["posixUser"], drafts["rootDirectory"]["creationInfo"]["ownerUid"]) == (
        {"uid": 2000, "gid": 3000},
        2000,
    )
    assert one(snapshot, SYSTEM, "shop-drafts").inputs["lifecyclePolicies"] == [{"transitionToIa": "AFTER_1_DAY"}]
    backups = {
        policy.name: policy.inputs["backupPolicy"]["status"]
        for policy in snapshot.of_type("aws:efs/backupPolicy:BackupPolicy")
    }
    assert backups == {"shop-uploads": "ENABLED", "shop-drafts": "DISABLED"}


@pytest.mark.parametrize("engine", ["fargate", "ecs-ec2"])
def test_a_task_mounts_what_it_uses_with_its_own_role_and_nothing_else(shop: Any, engine: str) -> None:
    snapshot = shop(engine)
    system, point = one(snapshot, SYSTEM, "shop-uploads").outputs, one(snapshot, POINT, "shop-uploads").outputs
    web, worker, clean, api = (
        one(snapshot, TASK, f"shop-compute-{name}").inputs for name in ("web", "worker", "clean", "api")
    )
    [volume] = web["volumes"]
    assert volume["efsVolumeConfiguration"] == {
        "fileSystemId": system["id"],
        "rootDirectory": "/",
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": point["id"], "iam": "ENABLED"},
    }
    [container] = json.loads(web["containerDefinitions"])
    assert container["mountPoints"] == [
        {"sourceVolume": volume["name"], "containerPath": "/srv/uploads", "readOnly": True}
    ]
    assert {"name": "UPLOADS_PATH", "value": "/srv/uploads"} in container["environment"]
    [container] = json.loads(worker["containerDefinitions"])
    assert [(mount["containerPath"], mount["readOnly"]) for mount in container["mountPoints"]] == [
        ("/mnt/uploads", False), ("/mnt/drafts", False)
    ]  # fmt: skip
    assert [one["name"] for one in container["environment"]] == ["DRAFTS_PATH", "MEDIA_ROOT"]
    # A job has what its service has.
    assert clean["volumes"] == worker["volumes"]
    assert not api.get("volumes")
    reads, writes = (
        statements(snapshot, "web-task")["UploadsFiles"],
        statements(snapshot, "worker-task")["UploadsFiles"],
    )
    assert reads["Action"] == ["elasticfilesystem:ClientMount"]
    assert writes["Action"] == ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    for statement in (reads, writes):
        assert statement["Resource"] == [system["arn"]]
        assert statement["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": point["arn"]}}
    rules = snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    nfs = {rule.name for rule in rules if rule.inputs["fromPort"] == 2049}
    assert nfs == {
        f"shop-compute-{who}"
        for who in ("web-uploads", "worker-uploads", "worker-drafts", "clean-uploads", "clean-drafts")
    }
    # Nothing starts before it can mount.
    wanted = {target.urn for target in snapshot.of_type("aws:efs/mountTarget:MountTarget") if "uploads" in target.name}
    assert wanted <= set(one(snapshot, "aws:ecs/service:Service", "shop-compute-web").dependencies)


def test_a_placeholder_sees_no_files(shop: Any) -> None:
    [container] = json.loads(
        one(shop("fargate", stage="prod", delivered=False), TASK, "shop-compute-worker").inputs["containerDefinitions"]
    )
    assert container["mountPoints"] == []


def test_on_kubernetes_the_driver_mounts_and_pods_name_a_claim(shop: Any) -> None:
    snapshot = shop("eks")
    system, point = one(snapshot, SYSTEM, "shop-uploads").outputs, one(snapshot, POINT, "shop-uploads").outputs
    volume = one(snapshot, "kubernetes:core/v1:PersistentVolume", "shop-compute-files-uploads").inputs["spec"]
    assert volume["csi"] == {"driver": "efs.csi.aws.com", "volumeHandle": f"{system['id']}::{point['id']}"}
    assert volume["mountOptions"] == ["tls", "iam"]
    assert volume["claimRef"]["namespace"] == "shop"
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    pods = {
        resource.name: resource.inputs["spec"]["template"]["spec"]
        for resource in snapshot.of_type("kubernetes:apps/v1:Deployment")
    }
    claim = {"claimName": "files-uploads", "readOnly": True}
    web = pods["shop-compute-web"]
    assert [found for found in web["volumes"] if "persistentVolumeClaim" in found] == [
        {"name": "files-uploads", "persistentVolumeClaim": claim}
    ]
    assert {"name": "files-uploads", "mountPath": "/srv/uploads", "readOnly": True} in web["containers"][0][
        "volumeMounts"
    ]
    assert not [found for found in pods["shop-compute-api"]["volumes"] if "persistentVolumeClaim" in found]
    # Who mounts is the driver on the node, with what all services together may; pods have no right to.
    driver = statements(snapshot, "aws-efs-csi-driver-pods")
    assert {sid: len(statement["Action"]) for sid, statement in driver.items()} == {"UploadsFiles": 2, "DraftsFiles": 2}
    roles = [policy.name for policy in snapshot.of_type(POLICY) if "elasticfilesystem" in policy.inputs["policy"]]
    assert roles == ["shop-compute-aws-efs-csi-driver-pods"]
    [association] = [
        item for item in snapshot.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation") if "efs" in item.name
    ]
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("kube-system", "efs-csi-node-sa")
    [addon] = [item for item in snapshot.of_type("aws:eks/addon:Addon") if "efs" in item.name]
    assert association.urn in addon.dependencies
    # The node reaches the file system, and no pod does.
    policies = snapshot.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert "2049" not in json.dumps([policy.inputs for policy in policies])
    rules = snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert {rule.name for rule in rules if rule.inputs["fromPort"] == 2049} == {
        "shop-compute-pods-uploads",
        "shop-compute-pods-drafts",
    }


def test_guardrails_find_nothing_at_files_but_what_was_wished(shop: Any) -> None:
    for engine in ENGINES:
        snapshot = shop(engine)
        found = [
            (finding.rule.name, finding.resource.name)
            for finding in judge(snapshot, TODAY).findings
            if ":efs/" in finding.resource.urn or "csi" in finding.resource.urn or "files" in finding.rule.name
        ]
        # Drafts are not backed up, by wish.
        assert set(found) == {("file-system-backed-up", "shop-drafts")}


def test_in_prod_files_outlast_a_slip(shop: Any) -> None:
    snapshot = shop("fargate", stage="prod", delivered=False)
    assert one(snapshot, SYSTEM, "shop-uploads").options["protect"] is True
    assert not shop("fargate").of_type(SYSTEM)[0].options.get("protect")


def test_what_would_replace_a_file_system_is_told_with_what_is_lost(shop: Any) -> None:
    snapshot = shop("fargate")
    changed = [
        replace(resource, inputs={**resource.inputs, "kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/other"})
        if resource.type == SYSTEM and resource.name == "shop-uploads"
        else resource
        for resource in snapshot.resources
    ]
    [change] = [
        one for one in compare(snapshot, replace(snapshot, resources=tuple(changed))).changes if one.type == SYSTEM
    ]
    assert (change.action, change.loss and change.loss.lost) == (Action.REPLACE, "every file in it")


def test_a_pipelines_role_may_make_files_and_change_them(shop: Any) -> None:
    snapshot = shop("fargate")
    made = access([snapshot], "shop", "arn:aws:iam::111122223333:policy/shop-boundary")
    assert [type_ for type_ in made.unlisted if ":efs/" in type_] == []
    allowed = {action for statement in made.deploying for action in statement["Action"]}
    assert {
        f"elasticfilesystem:{action}" for action in ("CreateFileSystem", "PutFileSystemPolicy", "CreateMountTarget")
    } <= allowed
    # Nobody's files are read by who deploys.
    assert not [action for action in allowed if action.startswith("elasticfilesystem:Client")]
    listed = [row for type_, row in table().by_type.items() if ":efs/" in type_]
    assert all(len(matching(str(action))) == 1 for row in listed for action in row)


EXISTING = """
    groundwork:platform: {name: shop, stage: dev, phase: launch}
    groundwork:services:
      web: {port: 8080, path: "/*", uses: {uploads: read-write}}
    groundwork:files:
      uploads: {existing: {access_point: fsap-0a1b2c3d4e5f67890, security_group: sg-0123456789abcdef0}}
"""


def test_a_file_system_that_exists_is_mounted_and_nothing_of_it_is_made(tmp_path: Any) -> None:
    snapshot = run_found(find_stack("dev", write_project(tmp_path, EXISTING, main=str(ROOT))))
    assert not [resource for resource in snapshot.resources if ":efs/" in resource.type]
    [volume] = one(snapshot, TASK, "shop-compute-web").inputs["volumes"]
    said = volume["efsVolumeConfiguration"]
    assert said["fileSystemId"].startswith("fs-")
    assert said["authorizationConfig"] == {"accessPointId": "fsap-0a1b2c3d4e5f67890", "iam": "ENABLED"}
    statement = statements(snapshot, "web-task")["UploadsFiles"]
    assert statement["Resource"] == [
        f"arn:aws:elasticfilesystem:ap-south-1:111122223333:file-system/{said['fileSystemId']}"
    ]
    [point] = statement["Condition"]["StringEquals"].values()
    assert point.endswith(":access-point/fsap-0a1b2c3d4e5f67890")
    rules = snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    [rule] = [rule.inputs for rule in rules if rule.inputs["fromPort"] == 2049]
    assert rule["securityGroupId"] == "sg-0123456789abcdef0"
    graph = graph_of(snapshot)
    assert [node.word for node in graph.nodes if node.name == "uploads"] == ["EFS"]


BAD = """
    groundwork:platform: {{name: shop, stage: dev, phase: launch}}
    groundwork:compute: {{engine: {engine}}}
    groundwork:services:
      web: {{port: 8080, path: "/*", {service}}}
    {more}
    groundwork:files: {{uploads: {files}}}
"""


def mistakes(
    tmp_path: Any, service: str = "uses: {uploads: read}", *, engine: str = "fargate", files: str = "{}", more: str = ""
) -> list[str]:
    return [
        said.partition(" ")[2]
        for said in mistakes_in(tmp_path, BAD.format(engine=engine, service=service, files=files, more=more))
    ]


def test_what_cannot_mount_files_is_told_at_its_line_what_can(tmp_path: Any) -> None:
    cases: dict[str, tuple[list[str], str]] = {
        "ec2": (
            mistakes(tmp_path, engine="ec2, instances: {class: t4g.large}"),
            "services.web.uses.uploads: goes with the engines fargate, ecs-ec2 and eks; an instance keeps files on a volume of its own",
        ),
        "app runner": (mistakes(tmp_path, "cpu: 1024, memory: 2048, uses: {uploads: read}", engine="app-runner"), "services.web.uses.uploads: App Runner mounts nothing"),
        "level": (mistakes(tmp_path, "uses: {uploads: write}"), 'services.web.uses.uploads: "write" is not a level of a files; use read or read-write'),
        "prefix": (mistakes(tmp_path, "uses: {uploads: {level: read, prefix: a/}}"), "services.web.uses.uploads.prefix: a prefix goes with a bucket"),
        "folder of a bucket": (
            mistakes(tmp_path, "uses: {media: {level: read, path: /media}}", more="groundwork:storage: {media: {}}"),
            "services.web.uses.media.path: a folder goes with files; media is a bucket",
        ),
        "relative": (mistakes(tmp_path, "uses: {uploads: {level: read, path: uploads}}"), "services.web.uses.uploads.path: "),
        "root": (mistakes(tmp_path, "uses: {uploads: {level: read, path: /}}"), "services.web.uses.uploads.path: "),
        "taken": (mistakes(tmp_path, "uses: {uploads: {level: read, path: /tmp}}"), 'services.web.uses.uploads.path: "/tmp" is also of writable_paths'),
        "disk": (mistakes(tmp_path, "disk_paths: [/mnt/uploads], uses: {uploads: read}"), 'services.web.uses.uploads: "/mnt/uploads" is also of disk_paths'),
        "name": (mistakes(tmp_path, more="groundwork:storage: {uploads: {}}"), '"uploads" is also the name of a bucket'),
        "archive": (mistakes(tmp_path, files="{infrequent_after: 90}"), "files.uploads.infrequent_after: archive_after (90) must be more than infrequent_after (90)"),
        "age": (mistakes(tmp_path, files="{infrequent_after: 31}"), "files.uploads.infrequent_after: "),
        "root owner": (mistakes(tmp_path, files='{owner: "0:0"}'), "files.uploads.owner: "),
        "existing": (
            mistakes(tmp_path, files="{existing: {access_point: fsap-0a1b2c3d, security_group: sg-0a1b2c3d}, backups: true}"),
            "files.uploads.backups: true is of a file system that is made",
        ),
        "access point": (
            mistakes(tmp_path, files="{existing: {access_point: fs-0a1b2c3d, security_group: sg-0a1b2c3d}}"),
            'files.uploads.existing.access_point: "fs-0a1b2c3d" is not the id of an access point',
        ),
        "function": (
            mistakes(tmp_path, more="groundwork:functions: {resize: {code: functions/queue_forwarder, uses: {uploads: read}}}"),
            "functions.resize.uses.uploads: only services and jobs mount files",
        ),
    }  # fmt: skip
    wrong = {name: found for name, (found, words) in cases.items() if not any(words in said for said in found)}
    assert wrong == {}
    assert mistakes(tmp_path) == []
