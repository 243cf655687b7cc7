"""Where people work (WorkSpaces, Amazon Connect): disks encrypted, calls logged."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule
from guardrails.view import Resource


@resource_rule(
    "Volumes of WorkSpaces are encrypted",
    "medium",
    kinds.WORKSPACE,
    ids=("fsbp:WorkSpaces.1", "fsbp:WorkSpaces.2", "checkov:CKV_AWS_155", "checkov:CKV_AWS_156"),
    why="What somebody works on lies there: files, caches, passwords that a browser keeps.",
    fix="Set userVolumeEncryptionEnabled and rootVolumeEncryptionEnabled to true with a volumeEncryptionKey; it is replaced.",
)
def workspace_encrypted(workspace: Resource) -> Messages:
    for path in ("userVolumeEncryptionEnabled", "rootVolumeEncryptionEnabled"):
        if not workspace.truth(path):
            yield f"a volume is not encrypted ({path})"


@resource_rule(
    "Contact centres log how calls are led",
    "medium",
    kinds.CONTACT_CENTRE,
    ids=("fsbp:Connect.2",),
    why="Which way a call took, and where it failed, stands only there.",
    fix="Set contactFlowLogsEnabled to true, and add the block that logs to each flow.",
    levels=ADVISORY_IN_DEV,
)
def contact_centre_logs(instance: Resource) -> Messages:
    if not instance.truth("contactFlowLogsEnabled"):
        yield "it keeps no logs (contactFlowLogsEnabled)"
