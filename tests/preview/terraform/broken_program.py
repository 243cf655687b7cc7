"""A program of many mistakes, each announced on the line above its resource: the property, and words of the provider."""

import json

import pulumi_aws as aws

ACCOUNT = "111122223333"
VPC = "vpc-0123456789abcdef0"
SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/task"
QUEUE = f"arn:aws:sqs:ap-south-1:{ACCOUNT}:jobs"

# expect cidrBlock: expected cidr_block to contain a valid Value
aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/33")
# expect ingress: "10.0.0.1/8" is not a valid IPv4 CIDR block
aws.ec2.SecurityGroup(
    "group", vpc_id=VPC, ingress=[{"protocol": "tcp", "from_port": 1, "to_port": 2, "cidr_blocks": ["10.0.0.1/8"]}]
)
# expect : 'throughput' must not be set when 'type' is 'gp2'
aws.ebs.Volume("volume", availability_zone="ap-south-1a", size=10, type="gp2", throughput=200)
# expect bucket: expected length of bucket to be in the range (0 - 63)
aws.s3.Bucket("bucket", bucket="b" * 64)
# expect versioningConfiguration.status: expected versioning_configuration.0.status to be one of
aws.s3.BucketVersioning("versioning", bucket="b", versioning_configuration={"status": "On"})
# expect rules[0].applyServerSideEncryptionByDefault.sseAlgorithm: to be one of
aws.s3.BucketServerSideEncryptionConfiguration(
    "encryption", bucket="b", rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aes"}}]
)
# expect rules[0].status: value must be one of
aws.s3.BucketLifecycleConfiguration("lifecycle", bucket="b", rules=[{"id": "x", "status": "on"}])
# expect policy: contains an invalid JSON
aws.s3.BucketPolicy("policy", bucket="b", policy="{not json")
# expect corsRules[0].allowedMethods: The argument "allowed_methods" is required
aws.s3.BucketCorsConfiguration("cors", bucket="b", cors_rules=[{"allowed_origins": ["*"]}])
# expect deletionWindowInDays: expected deletion_window_in_days to be in the range (7 - 30)
aws.kms.Key("key", deletion_window_in_days=3)
# expect recoveryWindowInDays: expected recovery_window_in_days to be in the range (7 - 30)
aws.secretsmanager.Secret("secret", recovery_window_in_days=5)
# expect assumeRolePolicy: contains an invalid JSON
aws.iam.Role("role", assume_role_policy="nobody")
# expect name: expected length of name to be in the range (1 - 64)
aws.iam.Role("a-role-with-a-logical-name-that-leaves-no-room-for-the-generated-part", assume_role_policy="{}")
# expect visibilityTimeoutSeconds: to be in the range (0 - 43200), got 99999
aws.sqs.Queue("queue", visibility_timeout_seconds=99999)
# expect : invalid queue name
aws.sqs.Queue("fifo", name="no-suffix", fifo_queue=True)
# expect protocol: expected protocol to be one of
aws.sns.TopicSubscription(
    "subscription", topic=f"arn:aws:sns:ap-south-1:{ACCOUNT}:t", protocol="pigeon", endpoint="loft"
)
# expect memorySize: expected memory_size to be in the range (128 - 10240)
aws.lambda_.Function(
    "function", role=ROLE, handler="h", runtime="python3.13", s3_bucket="b", s3_key="k", memory_size=64
)
# expect runtime: expected runtime to be one of
aws.lambda_.Function("runtime", role=ROLE, handler="h", runtime="python2", s3_bucket="b", s3_key="k")
# excused runtime: expected runtime to be one of
aws.lambda_.Function("newer", role=ROLE, handler="h", runtime="python3.14", s3_bucket="b", s3_key="k")
# expect logGroupClass: expected log_group_class to be one of
aws.cloudwatch.LogGroup("class", name="/x", log_group_class="CHEAP")
# expect retentionInDays: expected retention_in_days to be one of
aws.cloudwatch.LogGroup("logs", name="/x", retention_in_days=31)
# expect comparisonOperator: expected comparison_operator to be one of
aws.cloudwatch.MetricAlarm(
    "alarm",
    comparison_operator="Greater",
    evaluation_periods=1,
    metric_name="m",
    namespace="n",
    period=60,
    statistic="Sum",
    threshold=1,
)
# expect period: expected period to be divisible by 60
aws.cloudwatch.MetricAlarm(
    "period",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=1,
    metric_name="m",
    namespace="n",
    period=45,
    statistic="Sum",
    threshold=1,
)
# expect dashboardBody: contains an invalid JSON
aws.cloudwatch.Dashboard("dashboard", dashboard_name="d", dashboard_body="[")
# expect scheduleExpression: expected length of schedule_expression
aws.scheduler.Schedule(
    "schedule", schedule_expression="", flexible_time_window={"mode": "OFF"}, target={"arn": QUEUE, "role_arn": ROLE}
)
# expect flexibleTimeWindow.mode: expected mode to be one of
aws.scheduler.Schedule(
    "window",
    schedule_expression="rate(1 hour)",
    flexible_time_window={"mode": "MAYBE"},
    target={"arn": QUEUE, "role_arn": ROLE},
)
# expect backupWindow: must satisfy the format of "hh24:mi-hh24:mi"
aws.rds.Instance(
    "database",
    engine="postgres",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    username="u",
    manage_master_user_password=True,
    backup_window="noon",
    skip_final_snapshot=True,
)
# expect manageMasterUserPassword: conflicts with
aws.rds.Instance(
    "both",
    engine="postgres",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    username="u",
    manage_master_user_password=True,
    password="x",
    skip_final_snapshot=True,
)
# expect engineFamily: expected engine_family to be one of
aws.rds.Proxy(
    "proxy",
    engine_family="POSTGRES",
    role_arn=ROLE,
    vpc_subnet_ids=SUBNETS,
    auths=[{"auth_scheme": "SECRETS", "secret_arn": QUEUE}],
)
# expect : automatic_failover_enabled
aws.elasticache.ReplicationGroup(
    "cache", description="c", engine="valkey", node_type="cache.t4g.small", num_cache_clusters=2, multi_az_enabled=True
)
# expect replicationGroupId: must contain only alphanumeric characters and hyphens
aws.elasticache.ReplicationGroup(
    "cache_id",
    replication_group_id="under_score",
    description="c",
    engine="valkey",
    node_type="cache.t4g.small",
    num_cache_clusters=1,
)
# expect authenticationMode.type: to be one of
aws.elasticache.User(
    "user", user_id="u", user_name="u", engine="valkey", access_string="on", authentication_mode={"type": "face"}
)
# expect imageTagMutability: expected image_tag_mutability to be one of
aws.ecr.Repository("repository", image_tag_mutability="SOMETIMES")
# expect requiresCompatibilities: to be one of
aws.ecs.TaskDefinition(
    "task",
    family="t",
    requires_compatibilities=["FARGATES"],
    container_definitions=json.dumps([{"name": "n", "image": "i"}]),
)
# expect containerDefinitions: ECS Task Definition container_definitions is invalid
aws.ecs.TaskDefinition("containers", family="t", container_definitions="{}")
# expect launchType: expected launch_type to be one of
aws.ecs.Service("service", cluster="c", task_definition="t", launch_type="CLOUD")
# expect loadBalancerType: expected load_balancer_type to be one of
aws.lb.LoadBalancer("balancer", load_balancer_type="app", subnets=SUBNETS)
# expect name: cannot be longer than 32 characters
aws.lb.LoadBalancer("a-balancer-with-far-too-long-a-name", subnets=SUBNETS)
# expect healthCheck.interval: expected health_check.0.interval to be in the range (5 - 300)
aws.lb.TargetGroup("targets", port=80, protocol="HTTP", vpc_id=VPC, health_check={"interval": 1})
# expect defaultActions[0].type: to be one of
aws.lb.Listener(
    "listener",
    load_balancer_arn=f"arn:aws:elasticloadbalancing:ap-south-1:{ACCOUNT}:loadbalancer/app/x/0123456789abcdef",
    port=80,
    default_actions=[{"type": "wave"}],
)
# expect priority: "priority" must be in the range 1-50000
aws.lb.ListenerRule(
    "path",
    listener_arn=f"arn:aws:elasticloadbalancing:ap-south-1:{ACCOUNT}:listener/app/x/0123456789abcdef/0123456789abcdef",
    priority=60000,
    conditions=[{"path_pattern": {"values": ["/"]}}],
    actions=[
        {
            "type": "forward",
            "target_group_arn": f"arn:aws:elasticloadbalancing:ap-south-1:{ACCOUNT}:targetgroup/x/0123456789abcdef",
        }
    ],
)
# expect defaultCacheBehavior.viewerProtocolPolicy: to be one of
aws.cloudfront.Distribution(
    "cdn",
    enabled=True,
    origins=[{"origin_id": "o", "domain_name": "example.com"}],
    default_cache_behavior={
        "target_origin_id": "o",
        "viewer_protocol_policy": "https",
        "allowed_methods": ["GET", "HEAD"],
        "cached_methods": ["GET", "HEAD"],
    },
    restrictions={"geo_restriction": {"restriction_type": "none"}},
    viewer_certificate={"cloudfront_default_certificate": True},
)
# expect securityHeadersConfig.frameOptions.frameOption: to be one of
aws.cloudfront.ResponseHeadersPolicy(
    "headers", security_headers_config={"frame_options": {"frame_option": "NONE", "override": True}}
)
# expect rules[0].statement.rateBasedStatement.limit: to be in the range
aws.wafv2.WebAcl(
    "firewall",
    scope="REGIONAL",
    default_action={"allow": {}},
    visibility_config={"cloudwatch_metrics_enabled": True, "metric_name": "m", "sampled_requests_enabled": True},
    rules=[
        {
            "name": "r",
            "priority": 1,
            "action": {"block": {}},
            "statement": {"rate_based_statement": {"limit": 1}},
            "visibility_config": {
                "cloudwatch_metrics_enabled": True,
                "metric_name": "m",
                "sampled_requests_enabled": True,
            },
        }
    ],
)
# expect type: expected type to be one of
aws.route53.Record("record", zone_id="Z0123456789ABC", name="x.example.com", type="AA", ttl=60, records=["192.0.2.1"])
# expect validationMethod: to be one of
aws.acm.Certificate("certificate", domain_name="example.com", validation_method="FAX")
# expect metadataOptions.httpTokens: expected http_tokens to be one of
aws.ec2.LaunchTemplate("template", metadata_options={"http_tokens": "please"})
# expect : one of
aws.autoscaling.Group("fleet", min_size=1, max_size=1, vpc_zone_identifiers=SUBNETS)
# expect targetTrackingScalingPolicyConfiguration.targetValue: The argument "target_value" is required
aws.appautoscaling.Policy(
    "scaling",
    policy_type="TargetTrackingScaling",
    service_namespace="ecs",
    resource_id="service/a/b",
    scalable_dimension="ecs:service:DesiredCount",
    target_tracking_scaling_policy_configuration={"disable_scale_in": True},
)
# expect timeUnit: expected time_unit to be one of
aws.budgets.Budget("budget", budget_type="COST", limit_amount="1", limit_unit="USD", time_unit="WEEKLY")
# expect frequency: to be one of
aws.costexplorer.AnomalySubscription(
    "anomalies",
    frequency="HOURLY",
    monitor_arn_lists=["arn:aws:ce::111122223333:anomalymonitor/x"],
    subscribers=[{"type": "EMAIL", "address": "a@example.com"}],
)
# expect monitorType: to be one of
aws.costexplorer.AnomalyMonitor("monitor", monitor_type="HUNCH")
# expect rules[0].targetVaultName: The argument "target_vault_name" is required
aws.backup.Plan("plan", rules=[{"rule_name": "r"}])
# expect selectionTags[0].type: to be one of
aws.backup.Selection(
    "selection", plan_id="p", iam_role_arn=ROLE, selection_tags=[{"type": "ISH", "key": "k", "value": "v"}]
)
# expect name: invalid value for name
aws.backup.Vault("vault", name="no spaces here")
# expect vpcConfig.subnetIds: The argument "subnet_ids" is required
aws.eks.Cluster("eks", role_arn=ROLE, vpc_config={})
# expect domainName: must start with a lowercase alphabet
aws.opensearch.Domain("search", domain_name="9Search")
# expect endpointType: expected endpoint_type to be one of
aws.dms.Endpoint("endpoint", endpoint_id="e", endpoint_type="sink", engine_name="postgres")
# expect replicationInstanceId: replication_instance_id
aws.dms.ReplicationInstance(
    "replication", replication_instance_id="Not-OK-", replication_instance_class="dms.t3.medium"
)
# expect type: expected type to be one of
aws.ssm.Parameter("parameter", name="/p", type="Text", value="v")
# expect dnsConfig.dnsRecords[0].type: to be one of
aws.servicediscovery.Service(
    "discovery", dns_config={"namespace_id": "ns-x", "dns_records": [{"type": "MX", "ttl": 10}]}
)
# expect sourceConfiguration.imageRepository.imageRepositoryType: to be one of
aws.apprunner.Service(
    "runner",
    service_name="web",
    source_configuration={
        "image_repository": {
            "image_identifier": f"{ACCOUNT}.dkr.ecr.ap-south-1.amazonaws.com/web:1",
            "image_repository_type": "HUB",
        }
    },
)
# expect versioningConfiguration.state: pulumi-aws has no such argument
aws.s3.BucketVersioning("misspelt", bucket="b", versioning_configuration={"state": "Enabled", "status": "Enabled"})
