"""A program of many shapes, each valid: what the export and the provider must both accept. Run by the offline engine."""

import json

import pulumi
import pulumi_aws as aws

ACCOUNT = "111122223333"
REGION = "ap-south-1"


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(action: str, resource: str) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    )


# Network
vpc = aws.ec2.Vpc(
    "main", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags={"Name": "${not a template} %{nor this}"}
)
igw = aws.ec2.InternetGateway("main", vpc_id=vpc.id)
a = aws.ec2.Subnet("a", vpc_id=vpc.id, cidr_block="10.0.0.0/20", availability_zone="ap-south-1a")
b = aws.ec2.Subnet("b", vpc_id=vpc.id, cidr_block="10.0.16.0/20", availability_zone="ap-south-1b")
table = aws.ec2.RouteTable("public", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": igw.id}])
aws.ec2.Route("more", route_table_id=table.id, destination_cidr_block="192.168.0.0/16", gateway_id=igw.id)
aws.ec2.RouteTableAssociation("a", subnet_id=a.id, route_table_id=table.id)
aws.ec2.DefaultSecurityGroup("default", vpc_id=vpc.id)
aws.ec2.NetworkAcl(
    "data",
    vpc_id=vpc.id,
    ingress=[
        {
            "protocol": "tcp",
            "rule_no": 100,
            "action": "allow",
            "cidr_block": "10.0.0.0/16",
            "from_port": 5432,
            "to_port": 5432,
        }
    ],
)
web = aws.ec2.SecurityGroup(
    "web",
    vpc_id=vpc.id,
    description="Web",
    ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["0.0.0.0/0"], "description": "TLS"}],
    egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
)
data = aws.ec2.SecurityGroup("data", vpc_id=vpc.id, description="Data")
aws.vpc.SecurityGroupIngressRule(
    "data-from-web",
    security_group_id=data.id,
    referenced_security_group_id=web.id,
    ip_protocol="tcp",
    from_port=5432,
    to_port=5432,
)
eip = aws.ec2.Eip("nat", domain="vpc")
aws.ec2.NatGateway("main", subnet_id=a.id, allocation_id=eip.id)
aws.ec2.VpcEndpoint("s3", vpc_id=vpc.id, service_name=f"com.amazonaws.{REGION}.s3", route_table_ids=[table.id])
aws.ec2.FlowLog(
    "main", vpc_id=vpc.id, traffic_type="REJECT", log_destination_type="s3", log_destination="arn:aws:s3:::flow-logs"
)

# Keys, secrets, parameters
key = aws.kms.Key("main", enable_key_rotation=True, deletion_window_in_days=30)
aws.kms.Alias("main", name="alias/platform-main", target_key_id=key.key_id)
secret = aws.secretsmanager.Secret("jwt", name="platform/jwt", kms_key_id=key.arn, recovery_window_in_days=7)
aws.secretsmanager.SecretVersion("jwt", secret_id=secret.id, secret_string=pulumi.Output.secret("hush"))
aws.secretsmanager.SecretRotation(
    "jwt",
    secret_id=secret.id,
    rotation_lambda_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate",
    rotation_rules={"automatically_after_days": 30},
)
aws.ssm.Parameter("flag", name="/platform/flag", type="String", value="on")

# Storage
bucket = aws.s3.Bucket("images", opts=pulumi.ResourceOptions(protect=True, ignore_changes=["tags"]))
logs = aws.s3.Bucket("logs")
aws.s3.BucketVersioning("images", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
aws.s3.BucketServerSideEncryptionConfiguration(
    "images",
    bucket=bucket.id,
    rules=[
        {
            "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
            "bucket_key_enabled": True,
        }
    ],
)
aws.s3.BucketPublicAccessBlock(
    "images",
    bucket=bucket.id,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
)
aws.s3.BucketOwnershipControls("images", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"})
aws.s3.BucketLifecycleConfiguration(
    "images",
    bucket=bucket.id,
    rules=[
        {
            "id": "tier",
            "status": "Enabled",
            "filter": {"prefix": "old/"},
            "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}],
            "noncurrent_version_expiration": {"noncurrent_days": 90},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        }
    ],
)
aws.s3.BucketPolicy("images", bucket=bucket.id, policy=allow("s3:GetObject", "arn:aws:s3:::images/${aws:username}/*"))
aws.s3.BucketLogging("images", bucket=bucket.id, target_bucket=logs.id, target_prefix="images/")
aws.s3.BucketCorsConfiguration(
    "images",
    bucket=bucket.id,
    cors_rules=[{"allowed_methods": ["GET"], "allowed_origins": ["https://example.com"], "max_age_seconds": 3000}],
)
aws.s3.BucketNotification(
    "images",
    bucket=bucket.id,
    queues=[
        {"queue_arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "events": ["s3:ObjectCreated:*"], "filter_prefix": "in/"}
    ],
)
aws.s3.BucketObjectv2("robots", bucket=bucket.id, source=pulumi.FileAsset("robots.txt"))
files = aws.efs.FileSystem("files", encrypted=True, lifecycle_policies=[{"transition_to_ia": "AFTER_30_DAYS"}])
aws.efs.MountTarget("a", file_system_id=files.id, subnet_id=a.id, security_groups=[data.id])

# Edge
zone = aws.route53.Zone("main", name="example.com")
certificate = aws.acm.Certificate("main", domain_name="example.com", validation_method="DNS", region="us-east-1")
access = aws.cloudfront.OriginAccessControl(
    "images", origin_access_control_origin_type="s3", signing_behavior="always", signing_protocol="sigv4"
)
headers = aws.cloudfront.ResponseHeadersPolicy(
    "security",
    security_headers_config={
        "strict_transport_security": {
            "access_control_max_age_sec": 63072000,
            "include_subdomains": True,
            "override": True,
        },
        "content_type_options": {"override": True},
        "frame_options": {"frame_option": "DENY", "override": True},
    },
)
cache = aws.cloudfront.CachePolicy(
    "static",
    default_ttl=86400,
    max_ttl=31536000,
    min_ttl=1,
    parameters_in_cache_key_and_forwarded_to_origin={
        "cookies_config": {"cookie_behavior": "none"},
        "headers_config": {"header_behavior": "whitelist", "headers": {"items": ["Accept"]}},
        "query_strings_config": {"query_string_behavior": "all"},
        "enable_accept_encoding_gzip": True,
    },
)
acl = aws.wafv2.WebAcl(
    "edge",
    scope="CLOUDFRONT",
    region="us-east-1",
    default_action={"allow": {}},
    visibility_config={"cloudwatch_metrics_enabled": True, "metric_name": "edge", "sampled_requests_enabled": True},
    rules=[
        {
            "name": "common",
            "priority": 1,
            "override_action": {"none": {}},
            "statement": {
                "managed_rule_group_statement": {
                    "name": "AWSManagedRulesCommonRuleSet",
                    "vendor_name": "AWS",
                    "rule_action_overrides": [{"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}],
                }
            },
            "visibility_config": {
                "cloudwatch_metrics_enabled": True,
                "metric_name": "common",
                "sampled_requests_enabled": True,
            },
        },
        {
            "name": "rate",
            "priority": 2,
            "action": {"block": {}},
            "statement": {
                "rate_based_statement": {
                    "limit": 2000,
                    "aggregate_key_type": "IP",
                    "scope_down_statement": {
                        "and_statement": {
                            "statements": [
                                {"not_statement": {"statement": {"geo_match_statement": {"country_codes": ["NP"]}}}},
                                {
                                    "byte_match_statement": {
                                        "field_to_match": {"uri_path": {}},
                                        "positional_constraint": "STARTS_WITH",
                                        "search_string": "/api/",
                                        "text_transformations": [{"priority": 0, "type": "NONE"}],
                                    }
                                },
                            ]
                        }
                    },
                }
            },
            "visibility_config": {
                "cloudwatch_metrics_enabled": True,
                "metric_name": "rate",
                "sampled_requests_enabled": True,
            },
        },
    ],
)
distribution = aws.cloudfront.Distribution(
    "cdn",
    enabled=True,
    aliases=["www.example.com"],
    web_acl_id=acl.arn,
    http_version="http2and3",
    price_class="PriceClass_200",
    origins=[
        {"origin_id": "s3", "domain_name": bucket.bucket_regional_domain_name, "origin_access_control_id": access.id},
        {
            "origin_id": "alb",
            "domain_name": "origin.example.com",
            "custom_headers": [{"name": "X-Origin", "value": "a"}],
            "custom_origin_config": {
                "http_port": 80,
                "https_port": 443,
                "origin_protocol_policy": "https-only",
                "origin_ssl_protocols": ["TLSv1.2"],
            },
        },
    ],
    default_cache_behavior={
        "target_origin_id": "alb",
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": ["GET", "HEAD", "OPTIONS"],
        "cached_methods": ["GET", "HEAD"],
        "cache_policy_id": cache.id,
        "response_headers_policy_id": headers.id,
        "compress": True,
    },
    ordered_cache_behaviors=[
        {
            "path_pattern": "/images/*",
            "target_origin_id": "s3",
            "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": ["GET", "HEAD"],
            "cached_methods": ["GET", "HEAD"],
            "cache_policy_id": cache.id,
        }
    ],
    custom_error_responses=[{"error_code": 404, "response_code": 200, "response_page_path": "/index.html"}],
    restrictions={"geo_restriction": {"restriction_type": "none"}},
    viewer_certificate={
        "acm_certificate_arn": certificate.arn,
        "ssl_support_method": "sni-only",
        "minimum_protocol_version": "TLSv1.2_2021",
    },
)
aws.route53.Record(
    "www",
    zone_id=zone.zone_id,
    name="www.example.com",
    type="A",
    aliases=[{"name": distribution.domain_name, "zone_id": "Z2FDTNDATAQYW2", "evaluate_target_health": False}],
)

# Load balancing
balancer = aws.lb.LoadBalancer(
    "web",
    load_balancer_type="application",
    subnets=[a.id, b.id],
    security_groups=[web.id],
    access_logs={"bucket": logs.id, "enabled": True},
)
group = aws.lb.TargetGroup(
    "web",
    port=3000,
    protocol="HTTP",
    target_type="ip",
    vpc_id=vpc.id,
    health_check={"path": "/health", "matcher": "200-299"},
    stickiness={"type": "lb_cookie", "cookie_duration": 3600},
)
listener = aws.lb.Listener(
    "https",
    load_balancer_arn=balancer.arn,
    port=443,
    protocol="HTTPS",
    ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    certificate_arn=f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0e1bd1c1-0000-4000-8000-000000000000",
    default_actions=[
        {
            "type": "fixed-response",
            "fixed_response": {"content_type": "text/plain", "status_code": "404", "message_body": "no"},
        }
    ],
)
aws.lb.ListenerRule(
    "api",
    listener_arn=listener.arn,
    priority=10,
    conditions=[{"path_pattern": {"values": ["/api/*"]}}, {"host_header": {"values": ["example.com"]}}],
    actions=[{"type": "forward", "forward": {"target_groups": [{"arn": group.arn, "weight": 1}]}}],
)

# Containers
repository = aws.ecr.Repository(
    "web", name="platform/web", image_tag_mutability="IMMUTABLE", image_scanning_configuration={"scan_on_push": True}
)
aws.ecr.LifecyclePolicy(
    "web",
    repository=repository.name,
    policy=json.dumps(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20},
                    "action": {"type": "expire"},
                }
            ]
        }
    ),
)
cluster = aws.ecs.Cluster("main", settings=[{"name": "containerInsights", "value": "enabled"}])
role = aws.iam.Role("task", assume_role_policy=trust("ecs-tasks.amazonaws.com"))
policy = aws.iam.Policy("task", policy=allow("s3:GetObject", "*"))
aws.iam.RolePolicy("task", role=role.id, policy=allow("sqs:SendMessage", "*"))
aws.iam.RolePolicyAttachment("task", role=role.name, policy_arn=policy.arn)
profile = aws.iam.InstanceProfile("node", role=role.name)
task = aws.ecs.TaskDefinition(
    "web",
    family="web",
    cpu="256",
    memory="512",
    network_mode="awsvpc",
    requires_compatibilities=["FARGATE"],
    execution_role_arn=role.arn,
    task_role_arn=role.arn,
    runtime_platform={"cpu_architecture": "ARM64", "operating_system_family": "LINUX"},
    volumes=[
        {"name": "files", "efs_volume_configuration": {"file_system_id": files.id, "transit_encryption": "ENABLED"}}
    ],
    container_definitions=json.dumps(
        [{"name": "web", "image": "web:1", "essential": True, "portMappings": [{"containerPort": 3000}]}]
    ),
)
service = aws.ecs.Service(
    "web",
    cluster=cluster.arn,
    task_definition=task.arn,
    desired_count=2,
    launch_type="FARGATE",
    deployment_circuit_breaker={"enable": True, "rollback": True},
    network_configuration={"subnets": [a.id, b.id], "security_groups": [web.id]},
    load_balancers=[{"target_group_arn": group.arn, "container_name": "web", "container_port": 3000}],
)
target = aws.appautoscaling.Target(
    "web",
    service_namespace="ecs",
    resource_id="service/main/web",
    scalable_dimension="ecs:service:DesiredCount",
    min_capacity=2,
    max_capacity=10,
)
aws.appautoscaling.Policy(
    "web",
    policy_type="TargetTrackingScaling",
    service_namespace=target.service_namespace,
    resource_id=target.resource_id,
    scalable_dimension=target.scalable_dimension,
    target_tracking_scaling_policy_configuration={
        "target_value": 60,
        "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
    },
)
namespace = aws.servicediscovery.PrivateDnsNamespace("main", name="platform.local", vpc=vpc.id)
aws.servicediscovery.Service(
    "web", dns_config={"namespace_id": namespace.id, "dns_records": [{"type": "A", "ttl": 10}]}
)
aws.apprunner.Service(
    "web",
    service_name="web",
    source_configuration={
        "image_repository": {
            "image_identifier": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/web:1",
            "image_repository_type": "ECR",
            "image_configuration": {"port": "3000"},
        },
        "authentication_configuration": {"access_role_arn": role.arn},
    },
)
eks = aws.eks.Cluster(
    "main", role_arn=role.arn, vpc_config={"subnet_ids": [a.id, b.id], "endpoint_public_access": False}, version="1.32"
)
aws.eks.NodeGroup(
    "main",
    cluster_name=eks.name,
    node_role_arn=role.arn,
    subnet_ids=[a.id, b.id],
    scaling_config={"min_size": 1, "max_size": 3, "desired_size": 2},
)
aws.eks.Addon("dns", cluster_name=eks.name, addon_name="coredns")

# Instances
template = aws.ec2.LaunchTemplate(
    "node",
    image_id="ami-0123456789abcdef0",
    instance_type="t4g.small",
    metadata_options={"http_tokens": "required", "http_endpoint": "enabled"},
    iam_instance_profile={"arn": profile.arn},
    block_device_mappings=[
        {"device_name": "/dev/xvda", "ebs": {"volume_size": 20, "volume_type": "gp3", "encrypted": "true"}}
    ],
    tag_specifications=[{"resource_type": "instance", "tags": {"Name": "node"}}],
)
aws.autoscaling.Group(
    "node",
    min_size=1,
    max_size=3,
    vpc_zone_identifiers=[a.id, b.id],
    launch_template={"name": template.name, "version": "$Latest"},
    tags=[{"key": "Name", "value": "node", "propagate_at_launch": True}],
    instance_refresh={"strategy": "Rolling", "preferences": {"min_healthy_percentage": 90}},
)
aws.ec2.Instance(
    "single", ami="ami-0123456789abcdef0", instance_type="t4g.small", subnet_id=a.id, user_data="#!/bin/sh\n"
)

# Data
subnets = aws.rds.SubnetGroup("main", subnet_ids=[a.id, b.id])
parameters = aws.rds.ParameterGroup(
    "main", family="postgres16", parameters=[{"name": "rds.force_ssl", "value": "1", "apply_method": "immediate"}]
)
database = aws.rds.Instance(
    "main",
    engine="postgres",
    engine_version="16.4",
    instance_class="db.t4g.medium",
    allocated_storage=50,
    max_allocated_storage=200,
    storage_type="gp3",
    storage_encrypted=True,
    kms_key_id=key.arn,
    db_name="app",
    username="app",
    manage_master_user_password=True,
    multi_az=True,
    db_subnet_group_name=subnets.name,
    parameter_group_name=parameters.name,
    vpc_security_group_ids=[data.id],
    backup_retention_period=14,
    backup_window="18:00-19:00",
    maintenance_window="sun:19:30-sun:20:30",
    enabled_cloudwatch_logs_exports=["postgresql"],
    performance_insights_enabled=True,
    deletion_protection=True,
    final_snapshot_identifier="main-final",
)
proxy = aws.rds.Proxy(
    "main",
    engine_family="POSTGRESQL",
    role_arn=role.arn,
    require_tls=True,
    vpc_subnet_ids=[a.id, b.id],
    auths=[{"auth_scheme": "SECRETS", "iam_auth": "REQUIRED", "secret_arn": secret.arn}],
)
aws.rds.ProxyDefaultTargetGroup(
    "main", db_proxy_name=proxy.name, connection_pool_config={"max_connections_percent": 90}
)
user = aws.elasticache.User(
    "app",
    user_id="app",
    user_name="default",
    engine="valkey",
    access_string="on ~* +@all",
    authentication_mode={"type": "iam"},
)
users = aws.elasticache.UserGroup("app", user_group_id="app", engine="valkey", user_ids=[user.user_id])
aws.elasticache.ReplicationGroup(
    "cache",
    description="Cache",
    engine="valkey",
    engine_version="8.0",
    node_type="cache.t4g.small",
    num_cache_clusters=2,
    automatic_failover_enabled=True,
    multi_az_enabled=True,
    at_rest_encryption_enabled=True,
    transit_encryption_enabled=True,
    user_group_ids=[users.user_group_id],
    snapshot_window="17:00-18:00",
    maintenance_window="sun:19:00-sun:20:00",
)
aws.opensearch.Domain(
    "search",
    domain_name="search",
    engine_version="OpenSearch_2.17",
    cluster_config={"instance_type": "t3.small.search", "instance_count": 2, "zone_awareness_enabled": True},
    ebs_options={"ebs_enabled": True, "volume_size": 20, "volume_type": "gp3"},
    encrypt_at_rest={"enabled": True},
    node_to_node_encryption={"enabled": True},
    domain_endpoint_options={"enforce_https": True, "tls_security_policy": "Policy-Min-TLS-1-2-PFS-2023-10"},
    vpc_options={"subnet_ids": [a.id, b.id], "security_group_ids": [data.id]},
)
aws.dynamodb.Table(
    "sessions",
    billing_mode="PAY_PER_REQUEST",
    hash_key="id",
    attributes=[{"name": "id", "type": "S"}, {"name": "owner", "type": "S"}],
    global_secondary_indexes=[{"name": "owner", "hash_key": "owner", "projection_type": "ALL"}],
    ttl={"attribute_name": "expires", "enabled": True},
    point_in_time_recovery={"enabled": True},
)
aws.dms.ReplicationSubnetGroup(
    "main", replication_subnet_group_id="main", replication_subnet_group_description="Main", subnet_ids=[a.id, b.id]
)
replication = aws.dms.ReplicationInstance(
    "main", replication_instance_id="main", replication_instance_class="dms.t3.medium", allocated_storage=50
)
source = aws.dms.Endpoint(
    "source",
    endpoint_id="source",
    endpoint_type="source",
    engine_name="postgres",
    server_name="db.example.com",
    port=5432,
    database_name="app",
    username="app",
    password=pulumi.Output.secret("hush"),
    ssl_mode="require",
)
vault = aws.backup.Vault("main", kms_key_arn=key.arn)
plan = aws.backup.Plan(
    "main",
    rules=[
        {
            "rule_name": "daily",
            "target_vault_name": vault.name,
            "schedule": "cron(0 18 * * ? *)",
            "lifecycle": {"cold_storage_after": 30, "delete_after": 365},
        }
    ],
)
aws.backup.Selection(
    "main",
    plan_id=plan.id,
    iam_role_arn=role.arn,
    selection_tags=[{"type": "STRINGEQUALS", "key": "backup", "value": "daily"}],
)

# Messaging and functions
dead = aws.sqs.Queue("dead", fifo_queue=True)
queue = aws.sqs.Queue(
    "jobs",
    fifo_queue=True,
    visibility_timeout_seconds=60,
    kms_master_key_id=key.arn,
    redrive_policy=dead.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})),
)
aws.sqs.QueuePolicy("jobs", queue_url=queue.url, policy=allow("sqs:SendMessage", "*"))
topic = aws.sns.Topic("alerts", kms_master_key_id=key.arn)
aws.sns.TopicSubscription("mail", topic=topic.arn, protocol="email", endpoint="ops@example.com")
function = aws.lambda_.Function(
    "resize",
    role=role.arn,
    handler="handler.handle",
    runtime="python3.13",
    architectures=["arm64"],
    code=pulumi.AssetArchive({".": pulumi.FileArchive(".")}),
    timeout=30,
    memory_size=512,
    environment={"variables": {"BUCKET": bucket.id, "TOKEN": pulumi.Output.secret("hush")}},
    tracing_config={"mode": "Active"},
    dead_letter_config={"target_arn": topic.arn},
    vpc_config={"subnet_ids": [a.id], "security_group_ids": [web.id]},
)
aws.lambda_.Permission("s3", function=function.name, action="lambda:InvokeFunction", principal="s3.amazonaws.com")
aws.lambda_.EventSourceMapping(
    "jobs",
    event_source_arn=queue.arn,
    function_name=function.arn,
    batch_size=10,
    function_response_types=["ReportBatchItemFailures"],
)
aws.scheduler.Schedule(
    "nightly",
    schedule_expression="cron(0 20 * * ? *)",
    schedule_expression_timezone="Asia/Kathmandu",
    flexible_time_window={"mode": "OFF"},
    target={"arn": function.arn, "role_arn": role.arn, "retry_policy": {"maximum_retry_attempts": 3}},
)
rule = aws.cloudwatch.EventRule("push", event_pattern=json.dumps({"source": ["aws.ecr"]}))
aws.cloudwatch.EventTarget("push", rule=rule.name, arn=queue.arn, sqs_target={"message_group_id": "push"})

# Observability and money
aws.cloudwatch.LogGroup("web", name="/platform/web", retention_in_days=30, kms_key_id=key.arn)
aws.cloudwatch.MetricAlarm(
    "cpu",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=3,
    metric_name="CPUUtilization",
    namespace="AWS/ECS",
    period=60,
    statistic="Average",
    threshold=80,
    dimensions={"ClusterName": cluster.name},
    alarm_actions=[topic.arn],
)
aws.cloudwatch.MetricAlarm(
    "errors",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=1,
    threshold=1,
    metric_queries=[
        {"id": "rate", "expression": "errors/total", "label": "Rate", "return_data": True},
        {
            "id": "errors",
            "metric": {
                "metric_name": "HTTPCode_Target_5XX_Count",
                "namespace": "AWS/ApplicationELB",
                "period": 60,
                "stat": "Sum",
            },
        },
    ],
)
aws.cloudwatch.Dashboard(
    "main",
    dashboard_name="main",
    dashboard_body=json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "hi"}}]}),
)
aws.budgets.Budget(
    "monthly",
    budget_type="COST",
    limit_amount="150",
    limit_unit="USD",
    time_unit="MONTHLY",
    notifications=[
        {
            "comparison_operator": "GREATER_THAN",
            "threshold": 80,
            "threshold_type": "PERCENTAGE",
            "notification_type": "FORECASTED",
            "subscriber_email_addresses": ["ops@example.com"],
        }
    ],
)
monitor = aws.costexplorer.AnomalyMonitor("services", monitor_type="DIMENSIONAL", monitor_dimension="SERVICE")
aws.costexplorer.AnomalySubscription(
    "daily",
    frequency="DAILY",
    monitor_arn_lists=[monitor.arn],
    subscribers=[{"type": "EMAIL", "address": "ops@example.com"}],
    threshold_expression={
        "dimension": {
            "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
            "match_options": ["GREATER_THAN_OR_EQUAL"],
            "values": ["20"],
        }
    },
)
# The provider advises against this one.
aws.s3.BucketObject("old", bucket="b", content="c")
