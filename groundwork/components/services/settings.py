"""What the product's services are: the same declaration on every engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.services.tcp import TcpSettings, tcp_of
from groundwork.settings.base import ImageReference, InOrder, Model, Name, QueueName, TimeZone
from groundwork.settings.schedules import problem_with_cron

EnvironmentName = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
UrlPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9_\-.$/~\"'@:+*?&]*$", max_length=128)]


Level = Annotated[str, Field(pattern="^[a-z]+(-[a-z]+)*$", max_length=24)]
"""One of those that the thing used has (``groundwork.settings.access``); an extension says its own."""
Held = Literal["plain", "secret", "parameter"]
"""How a workload is given a variable: as a value, or as what is read from Secrets Manager or Parameter Store when a copy starts."""
Prefix = Annotated[str, Field(pattern=r"^[^/*?][^*?]*$", max_length=256)]


def _variables(value: Any) -> Any:
    return {name: name for name in value} if isinstance(value, (list, tuple)) else value


Variables = Annotated[
    dict[EnvironmentName, EnvironmentName],
    BeforeValidator(_variables, json_schema_input_type=list[EnvironmentName] | dict[EnvironmentName, EnvironmentName]),
]


class Use(Model):
    """What a workload may do with something else of the platform."""

    level: Level | None = None
    """Either this, or ``prefixes``."""
    prefix: Prefix | None = None
    """For a bucket: only keys that start with it."""
    prefixes: dict[Prefix, Level] = {}
    """For a bucket, in place of ``level``: what is allowed below each of several prefixes: ``{uploads/: sign, processed/: read}``."""
    path: Annotated[str, Field(pattern=r"^/[^:]+$")] | None = None
    """For files: the folder of the container in which they are; unset, ``/mnt/NAME``."""
    variables: Variables | None = None
    """Which of its environment variables the workload is given; unset, all. A list keeps their names, such as
    ``[SESSION_SECRET]`` of a secret; a mapping gives them others: ``{RDS_HOSTNAME: DATABASE_HOST}``."""

    @property
    def parts(self) -> tuple[tuple[Level, str | None], ...]:
        """Return each level with the prefix below which it holds; None for everything."""
        if self.level is not None:
            return ((self.level, self.prefix),)
        return tuple((level, prefix) for prefix, level in sorted(self.prefixes.items()))

    @property
    def levels(self) -> tuple[Level, ...]:
        """Return every level that it has somewhere."""
        return tuple(dict.fromkeys(level for level, _ in self.parts))

    @model_validator(mode="after")
    def _level_or_prefixes(self) -> Use:
        if self.level is None and not self.prefixes:
            raise PydanticCustomError("use", "needs a level, or prefixes with one each")
        if self.prefixes and (self.level is not None or self.prefix is not None):
            stray = "level" if self.level is not None else "prefix"
            raise PydanticCustomError(
                "use", "{stray} and prefixes exclude one another; leave one out", {"stray": stray, "at": ("prefixes",)}
            )
        return self


def _use(value: Any) -> Any:
    return {"level": value} if isinstance(value, str) else value


Uses = dict[QueueName, Annotated[Use, BeforeValidator(_use, json_schema_input_type=str | Use)]]


class PoolSettings(Model):
    """The database connections of one copy. A bare number is ``max``."""

    max: Annotated[int, Field(ge=1, le=1000)] = 10
    """Largest size of the pool."""
    min: Annotated[int, Field(ge=0, le=1000)] = 0
    """Connections that are kept open."""
    idle: Annotated[int, Field(ge=1, le=86400)] = 30
    """Seconds after which a connection beyond ``min`` that nobody uses is closed."""
    connect: Annotated[int, Field(ge=1, le=300)] = 5
    """Seconds that opening a connection may take."""
    readers: Annotated[int, Field(ge=0, le=1000)] = 1
    """Largest size of a second pool, to the replicas, where there are some; 0 where it reads from none of them."""

    @model_validator(mode="after")
    def _in_order(self) -> PoolSettings:
        check_bounds(self.min, self.max)
        return self


def pool_of(value: Any) -> Any:
    """Return a pool's settings for a bare number, its largest size."""
    return {"max": value} if isinstance(value, int) and not isinstance(value, bool) else value


class StepScaling(Model):
    """Step scaling on CPU: one task more or less when the average stays beyond a bound."""

    above: Annotated[int, Field(ge=1, le=100)] = 70
    """Percent CPU above which a task is added …"""
    above_minutes: Annotated[int, Field(ge=1, le=60)] = 2
    """… after so many minutes."""
    below: Annotated[int, Field(ge=0, le=99)] = 30
    """Percent CPU below which a task is taken away …"""
    below_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    """… after so many minutes."""

    @model_validator(mode="after")
    def _bounds_apart(self) -> StepScaling:
        if self.below >= self.above:
            raise PydanticCustomError(
                "steps",
                "below ({below}) must be lower than above ({above})",
                {"below": self.below, "above": self.above, "at": ("below",)},
            )
        return self


class TargetScaling(Model):
    """Target tracking: the average is held near the given values."""

    cpu: Annotated[int, Field(ge=10, le=95)] | None = None
    """Percent."""
    memory: Annotated[int, Field(ge=10, le=95)] | None = None
    """Percent."""
    requests: Annotated[int, Field(ge=1)] | None = None
    """Requests per task and minute at the load balancer."""


class QueueScaling(Model):
    """Scaling of a worker by the messages that wait for it."""

    queue: QueueName
    messages_per_task: Annotated[int, Field(ge=1)] = 100


def _cron(value: str) -> str:
    problem = problem_with_cron(value)
    if problem:
        raise PydanticCustomError("schedule", "{problem}", {"problem": problem})
    return value


Cron = Annotated[str, Field(json_schema_extra={"pattern": r"^\S+ \S+ \S+ \S+ \S+ \S+$"}), AfterValidator(_cron)]


class ScheduledScaling(Model):
    """Other bounds at certain hours."""

    cron: Cron
    """Six fields as EventBridge has them: ``0 8 ? * MON-FRI *``."""
    min: Annotated[int, Field(ge=0, le=5000)]
    max: Annotated[int, Field(ge=0, le=5000)]
    timezone: TimeZone | None = None
    """Unset, the platform's."""

    @model_validator(mode="after")
    def _in_order(self) -> ScheduledScaling:
        check_bounds(self.min, self.max)
        return self


# Up fast, down slowly: a task too many costs cents, one too few costs users.
SCALE_OUT_COOLDOWN = 60
SCALE_IN_COOLDOWN = 300
"""Seconds on ECS."""


class ScalingSettings(Model):
    """How many copies of a service run."""

    min: Annotated[int, Field(ge=0, le=5000)] = 1
    max: Annotated[int, Field(ge=0, le=5000)] = 4
    steps: StepScaling | None = None
    target: TargetScaling | None = TargetScaling(cpu=70)
    queue: QueueScaling | None = None
    concurrency: Annotated[int, Field(ge=1, le=200)] | None = None
    """Requests under way in one copy, beyond which another starts; unset, 100. Only App Runner counts them and scales by
    nothing else; elsewhere ``target.requests`` comes closest."""
    schedule: dict[Name, ScheduledScaling] = {}

    @model_validator(mode="after")
    def _in_order(self) -> ScalingSettings:
        check_bounds(self.min, self.max)
        return self


def check_bounds(least: int, most: int) -> None:
    """Refuse bounds that leave nothing between them."""
    if least > most:
        raise PydanticCustomError(
            "bounds", "min ({min}) is more than max ({max})", {"min": least, "max": most, "at": ("min",)}
        )


ONE_COPY = ScalingSettings(min=1, max=1, target=None)
"""The scaling of what never runs twice."""


class LimitSettings(Model):
    """What one copy may take while its node has it to spare, where that is more than it asks for."""

    cpu: Annotated[int, Field(ge=1, le=196_608)] | None = None
    """CPU units; unset, as many as it asks for."""
    memory: Annotated[int, Field(ge=1, le=24_576 * 1024)] | None = None
    """MiB, beyond which the copy is killed; unset, as much as it asks for."""


Protocol = Literal["http", "http2", "grpc"]

_GRPC_HEALTH = "/grpc.health.v1.Health/Check"
"""https://github.com/grpc/grpc/blob/master/doc/health-checking.md"""
_GRPC_METHOD = re.compile(r"/[A-Za-z_][\w.]*/[A-Za-z_]\w*")

Strategy = Literal["rolling", "blue-green", "canary", "linear"]
Minutes = Annotated[int, Field(ge=0, le=1440)]


class DeploymentSettings(Model):
    """How requests go over from a service's old copies to its new ones, on ECS. A bare word is ``strategy``.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
    """

    strategy: Strategy = "rolling"
    """``rolling``: copy by copy. The others start all new copies beside the old ones, and the load balancer sends requests over:
    ``blue-green`` all at once, ``canary`` a share first, ``linear`` a share at a time. An errors alarm takes them back."""

    percent: Annotated[int, Field(ge=1, le=50)] = 10
    """With ``canary`` the percent of requests that try the new copies first; with ``linear``, from 3, those of each step."""

    step_minutes: Minutes = 10
    """With ``canary`` and ``linear``: how long each share is watched before the next."""

    bake_minutes: Minutes = 10
    """How long the old copies stay once all requests have gone over, so that going back takes seconds."""

    @property
    def shifts(self) -> bool:
        """Tell whether the load balancer shifts requests from all old copies to all new ones."""
        return self.strategy != "rolling"

    @property
    def minutes(self) -> int:
        """Return how long requests go over and the old copies stay."""
        waits = {"canary": 1, "linear": -(-100 // self.percent) - 1}.get(self.strategy, 0)
        return waits * self.step_minutes + (self.bake_minutes if self.shifts else 0)

    @model_validator(mode="after")
    def _said_where_it_counts(self) -> DeploymentSettings:
        for name, strategies in _COUNTS_WITH.items():
            if name in self.model_fields_set and self.strategy not in strategies:
                raise PydanticCustomError(
                    "deployment",
                    "goes with strategy: {strategies}; with {strategy} leave it out",
                    {"strategies": " or ".join(strategies), "strategy": self.strategy, "at": (name,)},
                )
        if self.strategy == "linear" and self.percent < _LEAST_STEP:
            raise PydanticCustomError(
                "deployment",
                "{percent} is less than the {least} percent that a step of linear has at least",
                {"percent": self.percent, "least": _LEAST_STEP, "at": ("percent",)},
            )
        return self


_LEAST_STEP = 3
_COUNTS_WITH: dict[str, tuple[Strategy, ...]] = {
    "percent": ("canary", "linear"),
    "step_minutes": ("canary", "linear"),
    "bake_minutes": ("blue-green", "canary", "linear"),
}


def _deployment(value: Any) -> Any:
    return {"strategy": value} if isinstance(value, str) else value


class PrioritySettings(Model):
    """Places of a service's rules at the load balancer, for the rare case that two rules draw the same."""

    path: Annotated[int, Field(ge=1, le=50_000)] | None = None
    """Of the rule for ``path``; unset, drawn from service, engine and path among the places of paths as specific as it."""
    host: Annotated[int, Field(ge=1, le=50_000)] | None = None
    """Of the rule for ``host``; unset, drawn in the same way."""


class SidecarSettings(Model):
    """A container beside each copy of a service, in the same network and with the same role: a proxy, an agent."""

    image: ImageReference
    """A full image reference."""

    command: Annotated[tuple[str, ...], InOrder] = ()
    environment: dict[EnvironmentName, str] = {}
    """Plain configuration."""

    variables: tuple[EnvironmentName, ...] = ()
    """Which of the service's variables it is given too, secrets among them; it gets no other."""

    cpu: Annotated[int, Field(ge=1, le=32_768)] = 32
    """CPU units, out of the service's ``cpu``."""

    memory: Annotated[int, Field(ge=16, le=249_856)] = 128
    """MiB, out of the service's ``memory``; beyond it is killed."""

    essential: bool = True
    """On ECS a copy ends with it; otherwise the copy goes on without it. Kubernetes starts it again in any case."""

    health_command: Annotated[tuple[str, ...], InOrder] = ()
    """A command inside it that fails when it is not well. The service starts when it is well; unset, when it has started."""

    user: Annotated[str, Field(pattern=r"^[1-9]\d{0,8}(:[1-9]\d{0,8})?$")] = "1000:1000"
    """User and group ids; never root. Its file system is read-only."""


class ImageSource(Model):
    """The image of another service."""

    service: Annotated[Name, Field(alias="from")]
    """The service whose image it is: one repository, one parameter, one version for all who run it."""


BuildPath = Annotated[str, Field(pattern=r"^[^/:\\\x00-\x1f-][^:\\\x00-\x1f]*$", max_length=512)]


class BuildSettings(Model):
    """How ``groundwork deploy`` builds an image. A bare text is ``context``. An update of the stack builds nothing and asks for none of
    the files."""

    context: BuildPath = "."
    """The folder that the build is given, relative to the stack file."""
    dockerfile: BuildPath | None = None
    """Relative to the stack file; unset, ``Dockerfile`` in ``context``."""
    target: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=128)] | None = None
    """The stage of the Dockerfile that is built; unset, its last one."""
    args: dict[EnvironmentName, str] = {}
    """What the Dockerfile's ``ARG`` are. Whoever has the image can read them, so that none may be a secret."""


def build_of(value: Any) -> Any:
    """Return a build's settings for a bare text, its context."""
    return {"context": value} if isinstance(value, str) else value


Build = Annotated[BuildSettings, BeforeValidator(build_of, json_schema_input_type=BuildPath | BuildSettings)]


def check_build(build: BuildSettings | None, *, image: str | ImageSource | None, tag: str | None) -> None:
    """Refuse a build of an image that ``groundwork deploy`` does not bring to the repository of whoever says it."""
    if build is None:
        return
    if isinstance(image, ImageSource):
        problem = f"goes with services.{image.service}, whose image this is; say it there"
    elif image is not None:
        problem = "fills a repository of the stack's own, and image names another; leave one out"
    elif tag is not None:
        problem = "is for `groundwork deploy`, and tag says that pulumi up brings the image; leave one out"
    else:
        return
    raise PydanticCustomError("build", "{problem}", {"problem": problem, "at": ("build",)})


def check_image(image: str | ImageSource | None, *, tag: str | None, image_owner: str | None) -> None:
    """Refuse what is said of an image that is not there to be said."""
    named = isinstance(image, str)
    if isinstance(image, ImageSource) and (tag or image_owner):
        raise PydanticCustomError(
            "image",
            "goes with services.{source}, whose image this is; say it there",
            {"source": image.service, "at": ("tag" if tag else "image_owner",)},
        )
    if tag and named:
        raise PydanticCustomError(
            "image",
            "tag is of the service's own repository, and image names another; leave one out",
            {"at": ("tag",)},
        )
    if tag and image_owner == "pipeline":
        raise PydanticCustomError(
            "image",
            "tag says which image runs, and image_owner: pipeline leaves that to a pipeline",
            {"at": ("tag",)},
        )
    if image_owner == "stack" and not (tag or named):
        raise PydanticCustomError("image", "stack needs an image to run: say image or tag", {"at": ("image_owner",)})


class ServiceSettings(Model):
    """One service: a container that answers on a port, or a worker without one."""

    port: Annotated[int, Field(ge=1024, le=65535)] | None = None
    """The port on which it answers; above 1023, since it does not run as root. A service without a port is a worker."""

    protocol: Protocol = "http"
    """What it speaks there: ``http``, WebSockets among it; ``http2`` without TLS; ``grpc``, whose path is ``/package.Service/*``. The last
    two on ECS, at a load balancer with a certificate; ``grpc`` also through CloudFront."""

    path: UrlPath | None = None
    """The public path, such as ``/api/*``. ``/*`` is the default service. Without path and host only other services reach it."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    """A name below the domain that leads to this service whatever the path, such as ``api``; beside ``path``, not instead."""

    priority: PrioritySettings = PrioritySettings()

    tcp: (
        Annotated[
            TcpSettings,
            BeforeValidator(tcp_of, json_schema_input_type=Annotated[int, Field(ge=1, le=65535)] | TcpSettings),
        ]
        | None
    ) = None
    """For what speaks something else than HTTP, in place of ``path`` and ``host``: ``{port: 8883, tls: true, host: mqtt, from: […]}``. On
    the engines ``fargate``, ``ecs-ec2`` and ``eks``."""

    health: Annotated[UrlPath, Field(validate_default=True)] = "/health"
    """The path that answers 200 when the service is well; of ``grpc`` the method that answers OK, and unless it is said
    ``/grpc.health.v1.Health/Check``."""

    health_command: Annotated[tuple[str, ...], InOrder] = ()
    """A command inside the container that fails when the service is not well, such as ``[node, healthcheck.js]``. It is asked
    beside the load balancer, which sees public services alone. No command is assumed, since many images have no curl."""

    cpu: int = 256
    """CPU units; 1024 is one vCPU."""

    memory: int = 512
    """MiB."""

    limits: LimitSettings | None = None
    """With the engine ``eks``: what a copy may take beyond ``cpu`` and ``memory``, which it is sure of."""

    image: ImageReference | ImageSource | None = None
    """A full image reference, or ``{from: api}`` for the image of another service, which runs here with a ``command`` of its own.
    Unset, the service has a repository of its own."""

    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")] | None = None
    """The tag in the service's own repository that runs."""

    image_owner: Literal["stack", "pipeline"] | None = None
    """Who decides which image runs. ``pipeline``: whoever writes a reference to the parameter
    ``/platform/stage/services/images/NAME``; until then a placeholder runs. ``stack``: this file, by ``image`` or ``tag``.
    Unset: the stack where it says one of them, else the pipeline."""

    build: Build | None = None
    """How ``groundwork deploy STACK NAME`` builds the image for the service's own repository: a folder, or
    ``{context: ., dockerfile: docker/web.Dockerfile, target: web, args: {NODE_VERSION: "22"}}``."""

    command: Annotated[tuple[str, ...], InOrder] = ()
    environment: dict[EnvironmentName, str] = {}
    """Plain configuration. Secrets belong under ``secrets`` and ``uses``."""

    uses: Uses = {}

    singleton: bool = False
    """Never two copies at once, for what may run only once, such as a scheduler: a deployment stops the old copy before it starts
    the new one, and nothing scales it; the ``scaling`` of all services (``*``) does not count. On the engine ``ec2`` it asks for one
    instance; App Runner cannot."""

    scaling: Annotated[ScalingSettings, Field(validate_default=True)] = ScalingSettings()

    connections: Annotated[
        PoolSettings,
        BeforeValidator(pool_of, json_schema_input_type=Annotated[int, Field(ge=1, le=1000)] | PoolSettings),
    ] = PoolSettings()
    """The database connections of one copy: the largest size of its pool, or ``{min: 10, max: 50, idle: 30, connect: 5}``. It
    is told them as ``DATABASE_POOL_…``; what they add up to is held against what the database takes."""

    user: Annotated[str, Field(pattern=r"^[1-9]\d{0,8}(:[1-9]\d{0,8})?$")] = "1000:1000"
    """User and group ids; never root."""

    writable_paths: tuple[Annotated[str, Field(pattern=r"^/[^:]+$")], ...] = ("/tmp",)  # noqa: S108 - a path in the container
    """Folders that may be written, in memory and owned by ``user``; the rest of the file system is read-only."""

    writable_mib: Annotated[int, Field(ge=1, le=16384)] = 64
    """Size of each writable folder. What is in it counts as the service's memory."""

    disk_paths: tuple[Annotated[str, Field(pattern=r"^/[^:]+$")], ...] = ()
    """Folders on the copy's own disk, for scratch files too large for memory. They belong to root unless the image declares
    them as a VOLUME that belongs to ``user``. Gone with the copy."""

    disk_gib: Annotated[int, Field(ge=21, le=200)] | None = None
    """Size of the disk; unset, the 20 GiB that cost nothing."""

    outbound_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (443,)
    """TCP ports on which it may call the internet. Without 443 it reaches AWS only through the network's endpoints."""

    drain: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds that requests under way have, once the load balancer sends no new ones to a copy that stops."""

    stop_timeout: Annotated[int, Field(ge=2, le=3600)] = 30
    """Seconds between the request to stop and the kill, so that work under way ends well. ECS takes at most 120."""

    start_period: Annotated[int, Field(ge=0, le=300)] = 30
    """Seconds a new copy has before failed health checks count."""

    deployment: (
        Annotated[
            DeploymentSettings, BeforeValidator(_deployment, json_schema_input_type=Strategy | DeploymentSettings)
        ]
        | None
    ) = None
    """How a new version takes over: ``{strategy: canary, percent: 10, step_minutes: 10, bake_minutes: 10}``, or a bare
    ``blue-green``. Unset, copy by copy, as every engine does. A service that stands wants ``rolling`` for one update before its
    requests can be shifted, and ``rolling`` again to go back."""

    sticky: bool = False
    """Keep a client on one copy (WebSockets)."""

    sidecars: dict[Name, SidecarSettings] = {}
    """Containers beside each copy, on the engines ``fargate``, ``ecs-ec2`` and ``eks``. They start before the service and reach it, as it
    reaches them, at ``localhost``."""

    tracing: bool | None = None
    """X-Ray sidecar; unset, as ``observability.tracing``."""

    spot: Annotated[int, Field(ge=0, le=100)] | None = None
    """Percent on Spot; unset, as ``compute.spot``."""

    nodes: Name | None = None
    """With the engine ``eks``: the node group that it runs on; unset, any group without taints."""

    @property
    def is_public(self) -> bool:
        """Tell whether it is reached from outside through the load balancer."""
        return self.port is not None and (self.path is not None or self.host is not None)

    @property
    def shifts(self) -> bool:
        """Tell whether its deployments run all new copies beside all old ones while requests go over."""
        return self.deployment is not None and self.deployment.shifts

    @property
    def named_image(self) -> str | None:
        """Return the image that the stack file names, None where the repository is ours."""
        return self.image if isinstance(self.image, str) else None

    @property
    def image_from(self) -> str | None:
        """Return the service whose image it runs, None where it has its own."""
        return self.image.service if isinstance(self.image, ImageSource) else None

    @property
    def owner_of_image(self) -> Literal["stack", "pipeline"]:
        return self.image_owner or ("stack" if self.named_image or self.tag else "pipeline")

    @model_validator(mode="after")
    def _one_image(self) -> ServiceSettings:
        check_image(self.image, tag=self.tag, image_owner=self.image_owner)
        check_build(self.build, image=self.image, tag=self.tag)
        return self

    @field_validator("health")
    @classmethod
    def _method_of_grpc(cls, health: str, info: ValidationInfo) -> str:
        if info.data.get("protocol") != "grpc":
            return health
        if health == cls.model_fields["health"].default:
            return _GRPC_HEALTH
        if not _GRPC_METHOD.fullmatch(health):
            raise PydanticCustomError(
                "health",
                "is no method of gRPC; say /package.Service/Method, or leave it out for {usual}",
                {"usual": _GRPC_HEALTH},
            )
        return health

    @field_validator("scaling")
    @classmethod
    def _one_copy(cls, scaling: ScalingSettings, info: ValidationInfo) -> ScalingSettings:
        if not info.data.get("singleton"):
            return scaling
        if scaling not in (ScalingSettings(), ONE_COPY):
            raise PydanticCustomError(
                "singleton",
                "goes with services of several copies, and a singleton is one; leave out scaling or singleton",
            )
        return ONE_COPY

    @model_validator(mode="after")
    def _limits_are_above(self) -> ServiceSettings:
        for name in ("cpu", "memory"):
            limit, asked = getattr(self.limits, name, None), getattr(self, name)
            if limit is not None and limit < asked:
                raise PydanticCustomError(
                    "limits",
                    "limits.{name} ({limit}) is less than the {asked} that it asks for; raise it, or leave it out",
                    {"name": name, "limit": limit, "asked": asked, "at": ("limits", name)},
                )
        return self

    @model_validator(mode="after")
    def _writable_folders_fit(self) -> ServiceSettings:
        problem = self.overfull
        if problem:
            raise PydanticCustomError("writable", "{problem}", {"problem": problem, "at": ("memory",)})
        return self

    @property
    def overfull(self) -> str | None:
        """Return what is wrong where its writable folders may take more than half of its memory; None where they do not."""
        needed = len(self.writable_paths) * self.writable_mib
        if needed <= self.memory // 2:
            return None
        return (
            f"writable_paths may fill {needed} MiB of memory ({len(self.writable_paths)} × {self.writable_mib}), more than half "
            f"of the {self.memory} MiB there are; use disk_paths"
        )


def image_holder(services: Mapping[str, ServiceSettings], name: str) -> str | None:
    """Return the service whose own image ``name`` runs, through all that have theirs from another; None in a circle or where one is
    not there."""
    passed: list[str] = []
    while name in services and name not in passed:
        source = services[name].image_from
        if source is None:
            return name
        passed.append(name)
        name = source
    return None
