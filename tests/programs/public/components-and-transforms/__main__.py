"""A component, a transform for the whole stack, one for a component, and the older kind of both."""

import pulumi
import pulumi_aws as aws

TAGGED = ("aws:s3/bucket:Bucket", "aws:sqs/queue:Queue")


def tag(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    if args.type_ not in TAGGED:
        return None
    return pulumi.ResourceTransformResult({**args.props, "tags": {"owner": "shop"}}, args.opts)


async def encrypted(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    if args.type_ != "aws:sqs/queue:Queue":
        return None
    return pulumi.ResourceTransformResult({**args.props, "sqsManagedSseEnabled": True}, args.opts)


def older(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    if args.type_ != "aws:sns/topic:Topic":
        return None
    return pulumi.ResourceTransformationResult({**args.props, "kms_master_key_id": "alias/aws/sns"}, args.opts)


pulumi.runtime.register_resource_transform(tag)
pulumi.runtime.register_stack_transformation(older)


class Inbox(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("shop:inbox:Inbox", name, {}, opts)
        below = pulumi.ResourceOptions(
            parent=self, aliases=[pulumi.Alias(name=f"old-{name}")], ignore_changes=["delaySeconds"]
        )
        self.queue = aws.sqs.Queue(name, sqs_managed_sse_enabled=False, opts=below)
        self.topic = aws.sns.Topic(name, opts=pulumi.ResourceOptions(parent=self, protect=True))
        aws.sqs.QueuePolicy(
            name,
            queue_url=self.queue.url,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "sqs:*",
                            "Resource": self.queue.arn,
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        },
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "sns.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": self.queue.arn,
                            "Condition": {"ArnEquals": {"aws:SourceArn": self.topic.arn}},
                        },
                    ],
                }
            ),
            opts=below,
        )
        aws.sns.TopicSubscription(name, topic=self.topic.arn, protocol="sqs", endpoint=self.queue.arn, opts=below)
        self.register_outputs({"queue": self.queue.url})


inbox = Inbox("orders", pulumi.ResourceOptions(transforms=[encrypted]))
mail = Inbox("mail", pulumi.ResourceOptions(transforms=[encrypted], delete_before_replace=True))
pulumi.export("queues", [inbox.queue.url, mail.queue.url])
