"""Reads its configuration in every way, and hands secrets on as secrets."""

import json

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
mail = config.require_secret_object("mail")
assert config.require_bool("debug") is False
assert pulumi.Config("aws").require("region") == "eu-north-1"
assert config.get("unset", "usual") == "usual"
key = aws.kms.Key("secrets", enable_key_rotation=True)
secret = aws.secretsmanager.Secret("mail", kms_key_id=key.arn)
aws.secretsmanager.SecretVersion(
    "mail", secret_id=secret.id, secret_string=mail.apply(lambda said: json.dumps({"password": said["password"]}))
)
aws.ssm.Parameter("key", type="SecureString", key_id=key.arn, value=config.require_secret("apiKey"))
# A mistake: it reads a secret as if it were none, and writes it in clear.
aws.ssm.Parameter("copy", type="String", name="/shop/api-key", value=config.require("apiKey"))
aws.cloudwatch.LogGroup("app", retention_in_days=config.require_int("retention"), kms_key_id=key.arn)
for name in config.require_object("queues"):
    aws.sqs.Queue(name, kms_master_key_id=key.id)
parsed = pulumi.Output.json_loads(pulumi.Output.json_dumps({"arn": key.arn}))
pulumi.export("key", parsed["arn"])
pulumi.export("copied", config.require("apiKey"))
pulumi.export("host", mail.apply(lambda said: said["host"]))
