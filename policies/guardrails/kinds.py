"""Names for the resource types that rules read, as the provider's schema has them (pulumi-aws 7)."""

from __future__ import annotations

READ: set[str] = set()
"""The types that the pack names by the functions below: what rules judge, and what they look up beside it."""


def token(name: str) -> str:
    """Return ``aws:rds/clusterInstance:ClusterInstance`` for ``rds/ClusterInstance``."""
    module, kind = name.split("/")
    return f"aws:{module}/{kind[0].lower()}{kind[1:]}:{kind}"


def aws(name: str) -> str:
    """Return the token of a type that rules read."""
    type_ = token(name)
    READ.add(type_)
    return type_


VPC = aws("ec2/Vpc")
DEFAULT_VPC = aws("ec2/DefaultVpc")
DEFAULT_SUBNET = aws("ec2/DefaultSubnet")
DEFAULT_SECURITY_GROUP = aws("ec2/DefaultSecurityGroup")
DEFAULT_ROUTE_TABLE = aws("ec2/DefaultRouteTable")
FLOW_LOG = aws("ec2/FlowLog")
SUBNET = aws("ec2/Subnet")
ROUTE = aws("ec2/Route")
ROUTE_TABLE = aws("ec2/RouteTable")
ROUTE_TABLE_ASSOCIATION = aws("ec2/RouteTableAssociation")
MAIN_ROUTE_TABLE_ASSOCIATION = aws("ec2/MainRouteTableAssociation")
VPN_GATEWAY = aws("ec2/VpnGateway")
NETWORK_ACL = aws("ec2/NetworkAcl")
NETWORK_ACL_RULE = aws("ec2/NetworkAclRule")
SECURITY_GROUP = aws("ec2/SecurityGroup")
SECURITY_GROUP_RULE = aws("ec2/SecurityGroupRule")
INGRESS_RULE = aws("vpc/SecurityGroupIngressRule")
EGRESS_RULE = aws("vpc/SecurityGroupEgressRule")
PREFIX_LIST = aws("ec2/ManagedPrefixList")
PREFIX_LIST_ENTRY = aws("ec2/ManagedPrefixListEntry")
LIGHTSAIL_PORTS = aws("lightsail/InstancePublicPorts")
LIGHTSAIL_INSTANCE = aws("lightsail/Instance")
INSTANCE = aws("ec2/Instance")
EIP = aws("ec2/Eip")
EIP_ASSOCIATION = aws("ec2/EipAssociation")
LAUNCH_TEMPLATE = aws("ec2/LaunchTemplate")
LAUNCH_CONFIGURATION = aws("ec2/LaunchConfiguration")
EBS_VOLUME = aws("ebs/Volume")
EBS_DEFAULT = aws("ebs/EncryptionByDefault")
FILE_SYSTEM = aws("efs/FileSystem")

DB_INSTANCE = aws("rds/Instance")
DB_CLUSTER = aws("rds/Cluster")
DB_CLUSTER_INSTANCE = aws("rds/ClusterInstance")
DB_SUBNET_GROUP = aws("rds/SubnetGroup")
DB_PARAMETERS = aws("rds/ParameterGroup")
DB_CLUSTER_PARAMETERS = aws("rds/ClusterParameterGroup")
DB_PROXY = aws("rds/Proxy")
CACHE_GROUP = aws("elasticache/ReplicationGroup")
CACHE_CLUSTER = aws("elasticache/Cluster")
CACHE_SERVERLESS = aws("elasticache/ServerlessCache")
CACHE_SUBNET_GROUP = aws("elasticache/SubnetGroup")
CACHE_USER = aws("elasticache/User")
SEARCH_DOMAIN = aws("opensearch/Domain")
SEARCH_DOMAIN_POLICY = aws("opensearch/DomainPolicy")

BUCKETS = (aws("s3/Bucket"), aws("s3/BucketV2"))
BUCKET_BLOCK = aws("s3/BucketPublicAccessBlock")
BUCKET_POLICY = aws("s3/BucketPolicy")
BUCKET_ENCRYPTION = (
    aws("s3/BucketServerSideEncryptionConfiguration"),
    aws("s3/BucketServerSideEncryptionConfigurationV2"),
)
BUCKET_VERSIONING = (aws("s3/BucketVersioning"), aws("s3/BucketVersioningV2"))
BUCKET_LOGGING = (aws("s3/BucketLogging"), aws("s3/BucketLoggingV2"))
BUCKET_ACLS = (aws("s3/BucketAcl"), aws("s3/BucketAclV2"))
BUCKET_OWNERSHIP = aws("s3/BucketOwnershipControls")
CLOUDTRAIL = aws("cloudtrail/Trail")

QUEUE = aws("sqs/Queue")
QUEUE_POLICY = aws("sqs/QueuePolicy")
TOPIC = aws("sns/Topic")
TOPIC_POLICY = aws("sns/TopicPolicy")
PERMISSION = aws("lambda/Permission")
FUNCTION_URL = aws("lambda/FunctionUrl")

KEY = aws("kms/Key")
KEY_ALIAS = aws("kms/Alias")
KEY_POLICY = aws("kms/KeyPolicy")
REPLICA_KEY = aws("kms/ReplicaKey")
KEYS = (KEY, KEY_ALIAS, REPLICA_KEY)
SECRET = aws("secretsmanager/Secret")
SECRET_POLICY = aws("secretsmanager/SecretPolicy")
LOG_GROUP = aws("cloudwatch/LogGroup")
LOG_RESOURCE_POLICY = aws("cloudwatch/LogResourcePolicy")
LOG_SOURCE = aws("cloudwatch/LogDeliverySource")
LOG_DESTINATION = aws("cloudwatch/LogDeliveryDestination")
EVENT_BUS_POLICY = aws("cloudwatch/EventBusPolicy")
BACKUP_VAULT = aws("backup/Vault")
BACKUP_VAULT_POLICY = aws("backup/VaultPolicy")

REPOSITORY = aws("ecr/Repository")
REPOSITORY_POLICY = aws("ecr/RepositoryPolicy")
REPOSITORY_LIFECYCLE = aws("ecr/LifecyclePolicy")
REGISTRY_SCANNING = aws("ecr/RegistryScanningConfiguration")
ECS_CLUSTER = aws("ecs/Cluster")
ECS_SERVICE = aws("ecs/Service")
ECS_TASK_SET = aws("ecs/TaskSet")
TASK_DEFINITION = aws("ecs/TaskDefinition")

LOAD_BALANCERS = (aws("lb/LoadBalancer"), aws("alb/LoadBalancer"))
LISTENERS = (aws("lb/Listener"), aws("alb/Listener"))
DISTRIBUTION = aws("cloudfront/Distribution")
WEB_ACL = aws("wafv2/WebAcl")
WEB_ACL_ASSOCIATIONS = (aws("wafv2/WebAclAssociation"), aws("wafregional/WebAclAssociation"))
WEB_ACL_LOGGING = aws("wafv2/WebAclLoggingConfiguration")

ROLE = aws("iam/Role")
ROLE_POLICY = aws("iam/RolePolicy")
POLICY = aws("iam/Policy")
USER = aws("iam/User")
USER_POLICY = aws("iam/UserPolicy")
GROUP_POLICY = aws("iam/GroupPolicy")
ACCESS_KEY = aws("iam/AccessKey")
OIDC_PROVIDER = aws("iam/OpenIdConnectProvider")
POLICY_ATTACHMENT = aws("iam/PolicyAttachment")
ROLE_ATTACHMENT = aws("iam/RolePolicyAttachment")
USER_ATTACHMENT = aws("iam/UserPolicyAttachment")
GROUP_ATTACHMENT = aws("iam/GroupPolicyAttachment")

# Servers and what starts them
NETWORK_INTERFACE = aws("ec2/NetworkInterface")
SPOT_FLEET = aws("ec2/SpotFleetRequest")
AUTO_SCALING_GROUP = aws("autoscaling/Group")
AUTO_SCALING_ATTACHMENT = aws("autoscaling/Attachment")
AUTO_SCALING_SOURCE = aws("autoscaling/TrafficSourceAttachment")
AMI_PERMISSION = aws("ec2/AmiLaunchPermission")
METADATA_DEFAULTS = aws("ec2/InstanceMetadataDefaults")
SNAPSHOT_BLOCK = aws("ebs/SnapshotBlockPublicAccess")

# Network
DEFAULT_NETWORK_ACL = aws("ec2/DefaultNetworkAcl")
NETWORK_ACL_ASSOCIATION = aws("ec2/NetworkAclAssociation")
TRANSIT_GATEWAY = aws("ec2transitgateway/TransitGateway")
CLIENT_VPN = aws("ec2clientvpn/Endpoint")
VPN_CONNECTION = aws("ec2/VpnConnection")
VPC_BLOCK = aws("ec2/VpcBlockPublicAccessOptions")
VPC_ENDPOINT = aws("ec2/VpcEndpoint")
VPC_ENDPOINT_SERVICE = aws("ec2/VpcEndpointService")
NETWORK_FIREWALL = aws("networkfirewall/Firewall")
NETWORK_FIREWALL_POLICY = aws("networkfirewall/FirewallPolicy")
NETWORK_FIREWALL_GROUP = aws("networkfirewall/RuleGroup")
NETWORK_FIREWALL_LOGGING = aws("networkfirewall/LoggingConfiguration")
QUERY_LOG = aws("route53/QueryLog")
ZONE = aws("route53/Zone")
CERTIFICATE = aws("acm/Certificate")

# Load balancers and APIs
CLASSIC_BALANCER = aws("elb/LoadBalancer")
LISTENER_RULES = (aws("lb/ListenerRule"), aws("alb/ListenerRule"))
TARGET_GROUPS = (aws("lb/TargetGroup"), aws("alb/TargetGroup"))
RULE_GROUP = aws("wafv2/RuleGroup")
HEADERS_POLICY = aws("cloudfront/ResponseHeadersPolicy")
REST_STAGE = aws("apigateway/Stage")
REST_SETTINGS = aws("apigateway/MethodSettings")
REST_METHOD = aws("apigateway/Method")
REST_DOMAIN = aws("apigateway/DomainName")
REST_API = aws("apigateway/RestApi")
REST_INTEGRATION = aws("apigateway/Integration")
HTTP_API = aws("apigatewayv2/Api")
HTTP_STAGE = aws("apigatewayv2/Stage")
HTTP_ROUTE = aws("apigatewayv2/Route")
HTTP_DOMAIN = aws("apigatewayv2/DomainName")
APP_RUNNER = aws("apprunner/Service")

# Functions and events
FUNCTION = aws("lambda/Function")
FUNCTION_EVENTS = aws("lambda/FunctionEventInvokeConfig")
EVENT_SOURCE = aws("lambda/EventSourceMapping")
EVENT_TARGET = aws("cloudwatch/EventTarget")
SCHEDULE = aws("scheduler/Schedule")
REDRIVE_POLICY = aws("sqs/RedrivePolicy")
SUBSCRIPTION = aws("sns/TopicSubscription")
STATE_MACHINE = aws("sfn/StateMachine")
STREAM = aws("kinesis/Stream")
DELIVERY_STREAM = aws("kinesis/FirehoseDeliveryStream")

# Stores
DB_SNAPSHOTS = (
    aws("rds/Snapshot"),
    aws("rds/SnapshotCopy"),
    aws("rds/ClusterSnapshot"),
    aws("rds/ClusterSnapshotCopy"),
)
DB_SNAPSHOT_COPIES = (aws("rds/SnapshotCopy"), aws("rds/ClusterSnapshotCopy"))
DB_EVENTS = aws("rds/EventSubscription")
DB_GLOBAL_CLUSTER = aws("rds/GlobalCluster")
OLD_SEARCH_DOMAIN = aws("elasticsearch/Domain")
SEARCH_DOMAINS = (SEARCH_DOMAIN, OLD_SEARCH_DOMAIN)
TABLE = aws("dynamodb/Table")
SCALING_TARGET = aws("appautoscaling/Target")
DAX_CLUSTER = aws("dax/Cluster")
FILE_SYSTEM_BACKUP = aws("efs/BackupPolicy")
FILE_ACCESS_POINT = aws("efs/AccessPoint")
MOUNT_TARGET = aws("efs/MountTarget")
BACKUP_PLAN = aws("backup/Plan")
BACKUP_SELECTION = aws("backup/Selection")
BACKUP_LOCK = aws("backup/VaultLockConfiguration")
BUCKET_ACCESS_POINT = aws("s3/AccessPoint")
BUCKET_MULTI_REGION = aws("s3control/MultiRegionAccessPoint")
DIRECTORY_BUCKET = aws("s3/DirectoryBucket")
BUCKET_LIFECYCLE = (aws("s3/BucketLifecycleConfiguration"), aws("s3/BucketLifecycleConfigurationV2"))
BUCKET_OBJECTS = (aws("s3/BucketObject"), aws("s3/BucketObjectv2"))
BUCKET_ACCOUNT_BLOCK = aws("s3/AccountPublicAccessBlock")
REPLICATION_INSTANCE = aws("dms/ReplicationInstance")
REPLICATION_ENDPOINT = aws("dms/Endpoint")
REPLICATION_S3_ENDPOINT = aws("dms/S3Endpoint")
REPLICATION_TASK = aws("dms/ReplicationTask")

# Settings, secrets, watching
PARAMETER = aws("ssm/Parameter")
SSM_DOCUMENT = aws("ssm/Document")
SSM_SETTING = aws("ssm/ServiceSetting")
SECRET_VERSION = aws("secretsmanager/SecretVersion")
SECRET_ROTATION = aws("secretsmanager/SecretRotation")
METRIC_ALARM = aws("cloudwatch/MetricAlarm")
COMPOSITE_ALARM = aws("cloudwatch/CompositeAlarm")
DETECTOR = aws("guardduty/Detector")
DETECTOR_FEATURE = aws("guardduty/DetectorFeature")
PASSWORD_POLICY = aws("iam/AccountPasswordPolicy")
BUDGET = aws("budgets/Budget")

# Warehouses, document and graph databases, analytics
REDSHIFT = aws("redshift/Cluster")
REDSHIFT_PARAMETERS = aws("redshift/ParameterGroup")
REDSHIFT_LOGGING = aws("redshift/Logging")
REDSHIFT_NAMESPACE = aws("redshiftserverless/Namespace")
REDSHIFT_WORKGROUP = aws("redshiftserverless/Workgroup")
DOCDB = aws("docdb/Cluster")
DOCDB_PARAMETERS = aws("docdb/ClusterParameterGroup")
DOCDB_ELASTIC = aws("docdb/ElasticCluster")
NEPTUNE = aws("neptune/Cluster")
NEPTUNE_PARAMETERS = aws("neptune/ClusterParameterGroup")
NEPTUNE_INSTANCE = aws("neptune/ClusterInstance")
GRAPH = aws("neptunegraph/Graph")
ATHENA_WORKGROUP = aws("athena/Workgroup")
ATHENA_DATABASE = aws("athena/Database")
GLUE_JOB = aws("glue/Job")
GLUE_CRAWLER = aws("glue/Crawler")
GLUE_DEV_ENDPOINT = aws("glue/DevEndpoint")
GLUE_CONNECTION = aws("glue/Connection")
GLUE_SECURITY = aws("glue/SecurityConfiguration")
GLUE_CATALOG_ENCRYPTION = aws("glue/DataCatalogEncryptionSettings")
EMR_CLUSTER = aws("emr/Cluster")
EMR_SECURITY = aws("emr/SecurityConfiguration")
EMR_BLOCK = aws("emr/BlockPublicAccessConfiguration")
AIRFLOW = aws("mwaa/Environment")

# Brokers, caches, learning, builds, transfers, users
KAFKA = aws("msk/Cluster")
KAFKA_CONNECTOR = aws("mskconnect/Connector")
BROKER = aws("mq/Broker")
MEMORYDB = aws("memorydb/Cluster")
MEMORYDB_USER = aws("memorydb/User")
NOTEBOOK = aws("sagemaker/NotebookInstance")
MODEL = aws("sagemaker/Model")
LEARNING_DOMAIN = aws("sagemaker/Domain")
MODEL_ENDPOINT = aws("sagemaker/EndpointConfiguration")
DATA_QUALITY_JOB = aws("sagemaker/DataQualityJobDefinition")
TRAINING_JOB = aws("sagemaker/TrainingJob")
BUILD_PROJECT = aws("codebuild/Project")
BUILD_REPORTS = aws("codebuild/ReportGroup")
BUILD_WEBHOOK = aws("codebuild/Webhook")
PIPELINE = aws("codepipeline/Pipeline")
PIPELINE_WEBHOOK = aws("codepipeline/Webhook")
DATASYNC_TASK = aws("datasync/Task")
TRANSFER_SERVER = aws("transfer/Server")
TRANSFER_CONNECTOR = aws("transfer/Connector")
GRAPHQL_API = aws("appsync/GraphQLApi")
GRAPHQL_SOURCE = aws("appsync/DataSource")
EVENT_API = aws("appsync/Api")
IDENTITY_POOL = aws("cognito/IdentityPool")
USER_POOL = aws("cognito/UserPool")
USER_POOL_CLIENT = aws("cognito/UserPoolClient")
WORKSPACE = aws("workspaces/Workspace")
CONTACT_CENTRE = aws("connect/Instance")
BEANSTALK = aws("elasticbeanstalk/Environment")
LUSTRE = aws("fsx/LustreFileSystem")
ONTAP = aws("fsx/OntapFileSystem")
OPENZFS = aws("fsx/OpenZfsFileSystem")
WINDOWS_FILES = aws("fsx/WindowsFileSystem")
INSPECTOR = aws("inspector2/Enabler")
INSPECTOR_ORGANISATION = aws("inspector2/OrganizationConfiguration")
CERTIFICATE_AUTHORITY = aws("acmpca/CertificateAuthority")
PORTFOLIO_SHARE = aws("servicecatalog/PortfolioShare")
EVENT_BUS = aws("cloudwatch/EventBus")
DNSSEC = aws("route53/HostedZoneDnsSec")
SIGNING_KEY = aws("route53/KeySigningKey")
SERVER_CERTIFICATE = aws("iam/ServerCertificate")

# Kubernetes
EKS_CLUSTER = aws("eks/Cluster")
EKS_NODES = aws("eks/NodeGroup")


def kubernetes(name: str) -> str:
    """Return ``kubernetes:apps/v1:Deployment`` for ``apps/v1:Deployment``."""
    type_ = f"kubernetes:{name}"
    READ.add(type_)
    return type_


POD = kubernetes("core/v1:Pod")
DEPLOYMENT = kubernetes("apps/v1:Deployment")
STATEFUL_SET = kubernetes("apps/v1:StatefulSet")
DAEMON_SET = kubernetes("apps/v1:DaemonSet")
CRON_JOBS = (kubernetes("batch/v1:CronJob"), kubernetes("batch/v1beta1:CronJob"))
PODS = (
    POD,
    DEPLOYMENT,
    STATEFUL_SET,
    DAEMON_SET,
    kubernetes("apps/v1:ReplicaSet"),
    kubernetes("core/v1:ReplicationController"),
    kubernetes("batch/v1:Job"),
    *CRON_JOBS,
)
"""Everything that starts pods."""
NAMESPACE = kubernetes("core/v1:Namespace")
KUBERNETES_SERVICE = kubernetes("core/v1:Service")
CONFIG_MAP = kubernetes("core/v1:ConfigMap")
INGRESS = kubernetes("networking.k8s.io/v1:Ingress")
NETWORK_POLICY = kubernetes("networking.k8s.io/v1:NetworkPolicy")
DISRUPTION_BUDGET = kubernetes("policy/v1:PodDisruptionBudget")
RBAC_ROLES = (
    kubernetes("rbac.authorization.k8s.io/v1:Role"),
    kubernetes("rbac.authorization.k8s.io/v1:ClusterRole"),
)
RBAC_BINDINGS = (
    kubernetes("rbac.authorization.k8s.io/v1:RoleBinding"),
    kubernetes("rbac.authorization.k8s.io/v1:ClusterRoleBinding"),
)
