"""Parameters, secrets and documents: what is secret is kept as a secret, and not shared."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.schedules import longest_wait
from guardrails.secret_names import is_secret_name, names_another_place, secrets_in
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource, UndeterminedError

_MOST_DAYS = 90
_SHARING = "/ssm/documents/console/public-sharing-permission"
_AUTOMATION_LOG = "/ssm/automation/customer-script-log-destination"


@resource_rule(
    "Secret parameters are encrypted",
    "high",
    kinds.PARAMETER,
    ids=("checkov:CKV2_AWS_34",),
    why="Everyone who may read plain parameters reads it, and it stands in every backup of the configuration.",
    fix="Set type to SecureString with a keyId, or keep it in Secrets Manager.",
)
def parameter_encrypted(parameter: Resource) -> Messages:
    if parameter.get("type", "String") == "SecureString":
        return
    path = "value" if parameter.has("value") else "insecureValue"
    value = parameter.node(path).value
    for words in secrets_in(value) if isinstance(value, str) else ():
        yield f"its value holds {words} and its type is {parameter.get('type', 'String')}"
    name = parameter.get("name", "") if parameter.known("name") else parameter.name
    if is_secret_name(str(name).rsplit("/", 1)[-1]) and not (
        parameter.known(path) and names_another_place(parameter.get(path, ""))
    ):
        yield f"it holds a secret by its name and its type is {parameter.get('type', 'String')}"


@resource_rule(
    "Secret values are marked as secrets",
    "critical",
    kinds.SECRET_VERSION,
    kinds.PARAMETER,
    ids=(),
    why="A value that Pulumi does not know to be secret is in the state file and in every preview in clear.",
    fix="Take it from config.require_secret or wrap it in pulumi.Output.secret, or use the write-only property.",
)
def secret_value_marked(holder: Resource) -> Messages:
    if holder.type == kinds.PARAMETER and holder.get("type") != "SecureString":
        return
    for path in ("secretString", "secretBinary", "value"):
        if holder.has(path) and holder.node(path).value is not Opaque.SECRET:
            holder.get(path)
            yield f"{path} is not marked as a secret"


@stack_rule(
    "Secrets are rotated",
    "low",
    kinds.SECRET,
    ids=("fsbp:SecretsManager.1", "checkov:CKV2_AWS_57"),
    why="A secret that leaked a year ago still opens the door.",
    fix="Declare an aws.secretsmanager.SecretRotation; let RDS manage a database's password.",
)
def secret_rotated(secret: Resource, stack: Stack) -> Messages:
    if not stack.referrers(secret, "secretId", kinds.SECRET_ROTATION):
        yield "nothing rotates it"


@resource_rule(
    "Secrets are rotated every three months",
    "medium",
    kinds.SECRET_ROTATION,
    ids=("fsbp:SecretsManager.4", "checkov:CKV_AWS_304"),
    why="Rotation bounds how long a leaked value is worth anything.",
    fix="Set rotationRules.automaticallyAfterDays to 90 or less, or a scheduleExpression that runs as often.",
)
def secret_rotation_days(rotation: Resource) -> Messages:
    if not rotation.truth("rotationEnabled", default=True):
        yield "rotation is switched off (rotationEnabled)"
    rules = rotation.node("rotationRules")
    days: float | None = rules.number("automaticallyAfterDays", 0)
    if schedule := str(rules.get("scheduleExpression", "")):
        days = longest_wait(schedule)
    if days is None:
        raise UndeterminedError("rotationRules.scheduleExpression", f"not understood: {schedule}")
    if days > _MOST_DAYS:
        yield f"it is rotated every {days:g} days only"
    elif days == 0:
        yield "it says neither after how many days nor by which schedule (rotationRules)"


@resource_rule(
    "No document is shared with everyone",
    "critical",
    kinds.SSM_DOCUMENT,
    ids=("fsbp:SSM.4", "checkov:CKV_AWS_303"),
    why="Documents name servers, paths and commands, and sometimes hold passwords.",
    fix="List account numbers in permissions.accountIds.",
)
def document_not_public(document: Resource) -> Messages:
    shared = document.get("permissions.accountIds", document.get("permissions.account_ids", ""))
    values = shared if isinstance(shared, list) else str(shared).split(",")
    if any(str(one).strip().lower() == "all" for one in values):
        yield "every AWS account may use it (permissions.accountIds)"


@resource_rule(
    "Account settings of Systems Manager are safe",
    "medium",
    kinds.SSM_SETTING,
    ids=("fsbp:SSM.6", "fsbp:SSM.7"),
    why="One setting lets every document of the account be shared with everyone, or leaves runbooks without logs.",
    fix=f"Set {_SHARING} to Disable and {_AUTOMATION_LOG} to CloudWatch.",
    levels=ADVISORY_IN_DEV,
)
def systems_manager_settings(setting: Resource) -> Messages:
    name, value = str(setting.get("settingId", "")), setting.get("settingValue")
    if name.endswith(_SHARING) and value != "Disable":
        yield "documents may be shared with everyone (public-sharing-permission)"
    if name.endswith(_AUTOMATION_LOG) and value != "CloudWatch":
        yield "what runbooks run is not logged (customer-script-log-destination)"
