"""Lists that IAM rules read, besides what ``iam/services.txt`` knows of every action."""

from __future__ import annotations

WHOLE_ACCOUNT = (
    "cloudwatch:describealarms",
    "ec2:assignprivateipaddresses",
    "ec2:createnetworkinterface",
    "ec2:deletenetworkinterface",
    "ec2:unassignprivateipaddresses",
    "ecs:createcluster",
    "logs:createloggroup",
    "logs:createlogstream",
    "logs:describeloggroups",
    "logs:putlogevents",
    "ssm:updateinstanceinformation",
)
"""Actions, in lower case, that take a resource on paper and are called before there is one to name: agents, network
interfaces that a service makes itself, log groups of their own, and listings that filter the whole account. Among them all
that the AWS managed policies AWSLambdaBasicExecutionRole and AWSLambdaVPCAccessExecutionRole grant on ``*``. Of writing logs
a rule of its own advises."""

NARROWING_KEYS = (
    "aws:requesttag/",
    "aws:resourcetag/",
    "cloudwatch:namespace",
    "ec2:createaction",
    "ec2:resourcetag/",
    "ec2:vpc",
    "ecs:cluster",
    "ecs:createaction",
    "elasticfilesystem:createaction",
    "elasticloadbalancing:createaction",
    "elasticloadbalancing:resourcetag/",
    "iam:awsservicename",
    "iam:resourcetag/",
    "kms:encryptioncontext:",
    "kms:requestalias",
    "kms:resourcealiases",
    "kms:viaservice",
    "lambda:functionarn",
    "s3:dataaccesspointarn",
    "secretsmanager:resourcetag/",
    "ssm:resourcetag/",
)
"""Condition keys that choose the resources of a statement as a Resource element would."""

ESCALATION_LIMITS = ("iam:permissionsboundary", "iam:policyarn", "ec2:osuser", "ssm:sessiondocumentaccesscheck")
"""Condition keys, in lower case, that keep a way to more rights within bounds."""

CREDENTIAL_ACTIONS = frozenset(
    (
        "airflow:createclitoken",
        "airflow:createweblogintoken",
        "codeartifact:getauthorizationtoken",
        "codepipeline:pollforjobs",
        "cognito-identity:getopenidtokenfordeveloperidentity",
        "connect:getfederationtoken",
        "ec2:getpassworddata",
        "emr-containers:getmanagedendpointsessioncredentials",
        "gamelift:getcomputeaccess",
        "gamelift:getcomputeauthtoken",
        "gamelift:getinstanceaccess",
        "grafana:createworkspaceapikey",
        "grafana:createworkspaceserviceaccounttoken",
        "iam:createaccesskey",
        "iam:createloginprofile",
        "iam:createservicespecificcredential",
        "iam:resetservicespecificcredential",
        "iam:updateaccesskey",
        "iam:updateloginprofile",
        "lightsail:createbucketaccesskey",
        "lightsail:getinstanceaccessdetails",
        "lightsail:getrelationaldatabasemasteruserpassword",
        "rds-db:connect",
        "redshift-serverless:getcredentials",
        "redshift:getclustercredentials",
        "redshift:getclustercredentialswithiam",
        "sts:assumerole",
        "sts:getfederationtoken",
    )
)
"""Actions whose answer is a credential; the selection follows cloudsplaining's (BSD 3-Clause), less those that IAM can
only allow on every resource."""

DATA_ACTIONS = frozenset(
    (
        "athena:getqueryresults",
        "codecommit:gitpull",
        "dynamodb:batchgetitem",
        "dynamodb:exporttabletopointintime",
        "dynamodb:getitem",
        "dynamodb:getrecords",
        "dynamodb:query",
        "dynamodb:scan",
        "ebs:getsnapshotblock",
        "es:eshttpget",
        "es:eshttppost",
        "glacier:getjoboutput",
        "kinesis:getrecords",
        "logs:filterlogevents",
        "logs:getlogevents",
        "rds:copydbclustersnapshot",
        "rds:copydbsnapshot",
        "rds:createdbsnapshot",
        "rds:downloadcompletedblogfile",
        "rds:startexporttask",
        "s3:getobject",
        "s3:getobjectversion",
        "secretsmanager:getsecretvalue",
        "sqs:receivemessage",
        "ssm:getparameter",
        "ssm:getparameterhistory",
        "ssm:getparameters",
        "ssm:getparametersbypath",
    )
)
"""Actions that hand out what a data store keeps; cloudsplaining's, and the same of the other stores."""

CALL_NAMES = {
    "cloudwatch:putmetricdatas": "cloudwatch:PutMetricData",
    "lambda:invoke": "lambda:InvokeFunction",
    "s3:completemultipartupload": "s3:PutObject",
    "s3:copyobject": "s3:GetObject and s3:PutObject",
    "s3:createmultipartupload": "s3:PutObject",
    "s3:deleteobjects": "s3:DeleteObject",
    "s3:getbucketencryption": "s3:GetEncryptionConfiguration",
    "s3:getbucketlifecycleconfiguration": "s3:GetLifecycleConfiguration",
    "s3:headbucket": "s3:ListBucket",
    "s3:headobject": "s3:GetObject",
    "s3:listbuckets": "s3:ListAllMyBuckets",
    "s3:listmultipartuploads": "s3:ListBucketMultipartUploads",
    "s3:listobjects": "s3:ListBucket",
    "s3:listobjectsv2": "s3:ListBucket",
    "s3:listobjectversions": "s3:ListBucketVersions",
    "s3:listparts": "s3:ListMultipartUploadParts",
    "s3:putbucketencryption": "s3:PutEncryptionConfiguration",
    "s3:putbucketlifecycleconfiguration": "s3:PutLifecycleConfiguration",
    "s3:uploadpart": "s3:PutObject",
    "sqs:deletemessagebatch": "sqs:DeleteMessage",
    "sqs:sendmessagebatch": "sqs:SendMessage",
    "sns:publishbatch": "sns:Publish",
}
"""API calls that are no actions, with the action that allows them."""

_GLOBAL_KEYS = """
calledvia calledviafirst calledvialast currenttime ec2instancesourceprivateipv4 ec2instancesourcevpc epochtime ismcpserviceaction
federatedprovider multifactorauthage multifactorauthpresent principalaccount principalarn
principalisawsservice principalorgid principalorgmasteraccountid
principalorgpaths principalservicename principalservicenameslist principaltype
referer requestedregion resourceaccount resourceorgid resourceorgpaths securetransport sourceaccount sourcearn
sourceidentity sourceip sourceorgid sourceorgpaths sourceowner sourcevpc sourcevpcarn sourcevpce tagkeys
tokenissuetime useragent userid username viaawsservice vpceaccount vpceorgid vpceorgpaths
vpcsourceip
"""
GLOBAL_KEYS = frozenset(_GLOBAL_KEYS.split())
"""Condition keys that every service knows (IAM user guide, reference_policies_condition-keys.html), and
``aws:SourceOwner``, which SNS and SES still send; each after ``aws:``."""
GLOBAL_TAG_KEYS = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/")
FEDERATION_PREFIXES = ("saml", "cognito-identity-auth", "cognito-identity-unauth", "identitycenter")
"""What else a condition key may start with, besides a service's prefix and the host of an identity provider."""

PRIVILEGED_POLICIES = (
    "AdministratorAccess",
    "PowerUserAccess",
    "*FullAccess",
    "AdministratorAccess-*",
    "SystemAdministrator",
    "DatabaseAdministrator",
    "NetworkAdministrator",
    "DataScientist",
)
"""Names of AWS managed policies, as patterns, that grant far more than one workload needs."""

FEDERATED_OWNERS = {
    "token.actions.githubusercontent.com": (
        *("repo:", "repository:", "repository_id:", "repository_owner:", "repository_owner_id:"),
        *("enterprise:", "enterprise_id:"),
    ),
    "gitlab.com": ("project_path:",),
    "app.terraform.io": ("organization:",),
    "api.pulumi.com/oidc": (
        *("pulumi:deploy:org:", "pulumi:environments:org:"),
        "pulumi:environments:pulumi.organization.login:",
    ),
    "agent.buildkite.com": ("organization:",),
    "oidc.vercel.com": ("owner:",),
}
"""Identity providers that serve everyone, with what stands before the owner's name in the subjects of their tokens (GitHub
Docs, "OpenID Connect reference"; GitLab Docs, "Configure OpenID Connect in AWS"; HCP Terraform, "Workload identity tokens";
Pulumi docs, "OIDC for AWS"; Buildkite docs, "OIDC with AWS"; Vercel docs, "OIDC Federation Reference")."""
FEDERATED_CLAIMS = {
    "token.actions.githubusercontent.com": {
        "token.actions.githubusercontent.com:repository": "/",
        "token.actions.githubusercontent.com:repository_id": ":",
        "token.actions.githubusercontent.com:repository_owner": ":",
        "token.actions.githubusercontent.com:repository_owner_id": ":",
        "token.actions.githubusercontent.com:enterprise_id": ":",
    },
    "agent.buildkite.com": {"aws:RequestTag/organization_slug": ":", "aws:RequestTag/organization_id": ":"},
}
"""Condition keys of other claims of theirs that nobody else can have, with what ends the owner's name in them (IAM user
guide, reference_policies_iam-condition-keys.html, "Available keys for AWS OIDC federation"; Buildkite's are session tags). Not among them is GitHub's job_workflow_ref: whoever
calls the named workflow has it."""

SUBJECT_KEYS = (":sub", ":amr", ":user_id", ":id", ":job_workflow_ref", ":project_path", ":email")
"""How the condition keys end that say who of an identity provider's users is let in."""
AUDIENCE_KEYS = (":aud", ":azp", ":app_id", ":oaud")
"""How those end that say which application the token was made for."""

ROLES_WITH_SOURCE = (
    "appflow",
    "backup",
    "bedrock",
    "cloudtrail",
    "codebuild",
    "config",
    "dlm",
    "ecs-tasks",
    "events",
    "frauddetector",
    "glue",
    "imagebuilder",
    "iot",
    "monitoring.rds",
    "personalize",
    "pipes",
    "sagemaker",
    "scheduler",
    "sns",
    "ssm",
    "states",
    "transfer",
    "vpc-flow-logs",
)
"""Services whose guides ask for aws:SourceAccount or aws:SourceArn in the trust of the roles they take on ("Cross-service
confused deputy prevention" in each). EC2 and App Runner send no such keys for the roles of what they run; Lambda sends them, and its
guide leaves them to you."""

NO_SOURCE_SENT = {
    "kms": ("events", "autoscaling", "replicator.lambda"),
    "s3": ("appstream",),
    "sns": ("events",),
}
"""Services that send neither aws:SourceArn nor aws:SourceAccount when they use another one (SNS developer guide, "Securing
data in transit": EventBridge to an encrypted topic; EventBridge user guide, "Using resource-based policies": no Condition in
a topic's policy)."""

ROLE_USERS = {
    "apigateway/Account": {"cloudwatchRoleArn": "apigateway"},
    "apprunner/Service": {
        "instanceConfiguration.instanceRoleArn": "tasks.apprunner",
        "sourceConfiguration.authenticationConfiguration.accessRoleArn": "build.apprunner",
    },
    "appsync/DataSource": {"serviceRoleArn": "appsync"},
    "appsync/GraphQLApi": {"logConfig.cloudwatchLogsRoleArn": "appsync"},
    "athena/Workgroup": {"configuration.executionRole": "athena"},
    "backup/Selection": {"iamRoleArn": "backup"},
    "batch/ComputeEnvironment": {"serviceRole": "batch"},
    "bedrock/AgentAgent": {"agentResourceRoleArn": "bedrock"},
    "cfg/Recorder": {"roleArn": "config"},
    "cloudtrail/Trail": {"cloudWatchLogsRoleArn": "cloudtrail"},
    "cloudwatch/EventTarget": {"roleArn": "events"},
    "codebuild/Project": {"serviceRole": "codebuild"},
    "codepipeline/Pipeline": {"roleArn": "codepipeline"},
    "cognito/UserPool": {"smsConfiguration.snsCallerArn": "cognito-idp"},
    "datasync/S3Location": {"s3Config.bucketAccessRoleArn": "datasync"},
    "dlm/LifecyclePolicy": {"executionRoleArn": "dlm"},
    "dms/Endpoint": {"serviceAccessRole": "dms"},
    "dms/S3Endpoint": {"serviceAccessRoleArn": "dms"},
    "ec2/FlowLog": {"iamRoleArn": "vpc-flow-logs"},
    "ecs/TaskDefinition": {"taskRoleArn": "ecs-tasks", "executionRoleArn": "ecs-tasks"},
    "eks/Cluster": {"roleArn": "eks"},
    "eks/FargateProfile": {"podExecutionRoleArn": "eks-fargate-pods"},
    "eks/NodeGroup": {"nodeRoleArn": "ec2"},
    "eks/PodIdentityAssociation": {"roleArn": "pods.eks"},
    "emr/Cluster": {"serviceRole": "elasticmapreduce"},
    "emr/Studio": {"serviceRole": "elasticmapreduce"},
    "glue/Crawler": {"role": "glue"},
    "glue/DevEndpoint": {"roleArn": "glue"},
    "glue/Job": {"roleArn": "glue"},
    "glue/MLTransform": {"roleArn": "glue"},
    "iam/InstanceProfile": {"role": "ec2"},
    "kendra/Index": {"roleArn": "kendra"},
    "kinesis/FirehoseDeliveryStream": {"extendedS3Configuration.roleArn": "firehose"},
    "kinesisanalyticsv2/Application": {"serviceExecutionRole": "kinesisanalytics"},
    "lambda/Function": {"role": "lambda"},
    "msk/Replicator": {"serviceExecutionRoleArn": "kafka"},
    "mskconnect/Connector": {"serviceExecutionRoleArn": "kafkaconnect"},
    "mwaa/Environment": {"executionRoleArn": "airflow-env"},
    "pipes/Pipe": {"roleArn": "pipes"},
    "rds/Cluster": {"monitoringRoleArn": "monitoring.rds"},
    "rds/ClusterInstance": {"monitoringRoleArn": "monitoring.rds"},
    "rds/Instance": {"monitoringRoleArn": "monitoring.rds"},
    "rds/Proxy": {"roleArn": "rds"},
    "redshift/Cluster": {"iamRoles": "redshift"},
    "s3/BucketReplicationConfig": {"role": "s3"},
    "sagemaker/DataQualityJobDefinition": {"roleArn": "sagemaker"},
    "sagemaker/Domain": {"defaultUserSettings.executionRole": "sagemaker"},
    "sagemaker/FeatureGroup": {"roleArn": "sagemaker"},
    "sagemaker/FlowDefinition": {"roleArn": "sagemaker"},
    "sagemaker/Model": {"executionRoleArn": "sagemaker"},
    "sagemaker/NotebookInstance": {"roleArn": "sagemaker"},
    "sagemaker/Pipeline": {"roleArn": "sagemaker"},
    "sagemaker/TrainingJob": {"roleArn": "sagemaker"},
    "sagemaker/UserProfile": {"userSettings.executionRole": "sagemaker"},
    "scheduler/Schedule": {"target.roleArn": "scheduler"},
    "sfn/StateMachine": {"roleArn": "states"},
    "timestreamquery/ScheduledQuery": {"executionRoleArn": "timestream"},
    "transfer/Access": {"role": "transfer"},
    "transfer/Connector": {"accessRole": "transfer"},
    "transfer/Server": {"loggingRole": "transfer"},
    "transfer/User": {"role": "transfer"},
}
"""Where a resource names the role that a service takes on for it: property and service, without ``.amazonaws.com``."""

SIZES = {"iam/Policy": 6144, "iam/Role": 2048, "ecr/RepositoryPolicy": 10240, "kms/Key": 32768, "kms/KeyPolicy": 32768}
SIZES.update(
    {
        "ssoadmin/PermissionSetInlinePolicy": 32768,
        "s3/BucketPolicy": 20480,
        "sqs/QueuePolicy": 8192,
        "sns/TopicPolicy": 30720,
        "secretsmanager/SecretPolicy": 20480,
    }
)
SIZES.update({"cloudwatch/LogResourcePolicy": 5120, "cloudwatch/EventBusPolicy": 10240, "ec2/VpcEndpoint": 20480})
"""The most characters a document may have, by its type (quotas pages of the services; for a role its trust policy)."""
INLINE_SIZES = {"iam/Role": 10240, "iam/User": 2048, "iam/Group": 5120}
"""The most characters all inline policies of a principal may have together (IAM user guide, reference_iam-quotas.html)."""
MANAGED_POLICIES = 10
"""Managed policies that may be attached to one principal (the quota that every account starts with)."""

_LOG_ACCOUNTS = """
127311923021 033677994240 027434742980 797873946194 098369216593 754344448648 589379963580 718504428378 383597477331
600734575887 114774131450 783225319266 582318560864 985666609251 054676820928 156460612806 652711504416 635631232127
009996457667 897822967062 076674570225 507241528517
"""
LOG_ACCOUNTS = frozenset(_LOG_ACCOUNTS.split())
"""AWS's own accounts from which Elastic Load Balancing writes access logs in older regions (ALB user guide, "Enable access
logs")."""
