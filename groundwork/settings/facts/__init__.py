"""Facts of AWS that settings are checked against: data with its source, read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from groundwork.settings.data_file import read_data

_HERE = Path(__file__).parent

Architecture = Literal["arm64", "x86_64"]

IMAGE_ARCHITECTURES: dict[Architecture, str] = {"arm64": "arm64", "x86_64": "amd64"}
"""As images and Kubernetes name them: https://github.com/opencontainers/image-spec/blob/main/image-index.md"""


@cache
def _load(name: str) -> Any:
    return read_data(_HERE / f"{name}.yaml")


def regions() -> dict[str, str]:
    """Map each region to the letters of its availability zones."""
    zones: dict[str, str] = _load("regions")["zones"]
    return zones


def zones_of(region: str) -> str:
    """Return the letters of the zones that new accounts see in a region; empty for one the table does not have."""
    return regions().get(region, "")


@dataclass(frozen=True)
class Partition:
    """A part of AWS with accounts, ARNs and addresses of its own."""

    name: str
    """As ARNs have it: ``aws``, ``aws-cn``, ``aws-us-gov``."""
    begins: str
    """What the names of its regions begin with."""
    suffix: str
    """What addresses of its services end in."""
    lacks: Mapping[str, str]
    """Setting, or setting=value, that cannot be had there → why."""
    global_region: str | None = None
    """Where services that belong to no region keep certificates, logs and metrics."""
    prefixed_endpoints: tuple[str, ...] = ()
    """Interface endpoints whose names begin with ``cn.``."""

    def via_service(self, service: str, region: str) -> str | list[str]:
        """Return what ``kms:ViaService`` is for a service in a region. In China both endings are in use."""
        names = [f"{service}.{region}.{suffix}" for suffix in dict.fromkeys((_USUAL_SUFFIX, self.suffix))]
        return names if len(names) > 1 else names[0]

    def endpoint(self, service: str, region: str) -> str:
        """Return the name of a service's interface endpoint."""
        return f"{'cn.' if service in self.prefixed_endpoints else ''}com.amazonaws.{region}.{service}"


_USUAL_SUFFIX = "amazonaws.com"


@cache
def partition_of(region: str) -> Partition:
    """Return the partition that a region is in."""
    rows: dict[str, dict[str, Any]] = _load("partitions")["partitions"]
    found = [
        Partition(
            name,
            row["begins"],
            row["suffix"],
            row["lacks"],
            row.get("global_region"),
            tuple(row.get("prefixed_endpoints", ())),
        )
        for name, row in rows.items()
    ]
    return max((one for one in found if region.startswith(one.begins)), key=lambda one: len(one.begins))


def via_service(service: str, region: str) -> str | list[str]:
    """Return what ``kms:ViaService`` is for a service in a region; see :meth:`Partition.via_service`."""
    return partition_of(region).via_service(service, region)


def health_checkers(blocked_countries: Collection[str] = ()) -> list[str]:
    """List the regions from which Route 53 checks health, without those in countries that a web ACL blocks."""
    places: dict[str, str] = _load("regions")["health_checkers"]
    return [region for region, country in places.items() if country not in blocked_countries]


FEWEST_HEALTH_CHECKERS = 3
"""https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html"""


def fargate_sizes() -> dict[int, tuple[int, ...]]:
    """Map CPU units to the MiB of memory that Fargate takes with them."""
    return {
        cpu: tuple(memory["list"])
        if "list" in memory
        else tuple(range(memory["from"], memory["to"] + 1, memory["step"]))
        for cpu, memory in _load("fargate")["sizes"].items()
    }


def app_runner_sizes() -> dict[int, tuple[int, ...]]:
    """Map CPU units to the MiB of memory that App Runner takes with them."""
    return {cpu: tuple(memory) for cpu, memory in _load("apprunner")["sizes"].items()}


def app_runner_regions() -> list[str]:
    """List the regions that have App Runner."""
    found: list[str] = _load("apprunner")["regions"]
    return found


def database_memory(instance_class: str) -> float | None:
    """Return the GiB of memory of a ``db.*`` class; None for a class the table does not have."""
    return _memory("databases", instance_class)


def database_processors(instance_class: str) -> int:
    """Return the vCPUs of a class of the families since the fifth generation: two up to large, and then twice as many
    each size. ValueError for a size that has no number."""
    size = instance_class.rpartition(".")[2]
    if size == "xlarge":
        return 4
    return 4 * int(size.removesuffix("xlarge")) if size.endswith("xlarge") else 2


def cache_memory(node_class: str) -> float | None:
    """Return the GiB of memory of a ``cache.*`` class; None for a class the table does not have."""
    return _memory("caches", node_class)


def has_cluster_mode(node_class: str) -> bool:
    """Tell whether a ``cache.*`` class can be one of several shards, or fail over to another node."""
    return node_class.split(".")[1:2] not in [[family] for family in _load("classes")["caches"]["without_cluster_mode"]]


def cache_is_burstable(node_class: str) -> bool:
    """Tell whether a ``cache.*`` class lives on CPU credits."""
    return node_class.split(".")[1:2] in [[family] for family in _load("classes")["caches"]["burstable"]]


def max_connections(instance_class: str) -> int | None:
    """Return what RDS for PostgreSQL sets ``max_connections`` to, or a few less: memory in bytes / 9,531,392, at most
    5,000, of what RDS leaves of the memory.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
    """
    memory = database_memory(instance_class)
    if memory is None:
        return None
    kept = _load("classes")["databases"]["kept"]
    return min(int((memory * (1 - kept["share"]) - kept["gib"]) * 1024**3 / 9_531_392), 5000)


def classes(kind: str) -> list[str]:
    """List every ``databases`` or ``caches`` class of the table."""
    table = _load("classes")[kind]
    return [f"{table['prefix']}.{family}.{size}" for family, sizes in table["families"].items() for size in sizes]


@dataclass(frozen=True)
class Performance:
    """What a class of instances or databases sustains."""

    volume_mbps: float
    """Megabits a second to EBS; 0 where AWS does not say."""
    volume_iops: int
    """Operations a second on EBS; 0 where AWS does not say."""
    network_gbps: float
    """Gigabits a second of its network."""
    baseline: float
    """The part of each vCPU that it earns CPU credits for; 1 for a class that does not live on credits."""


def performance(name: str) -> Performance | None:
    """Return what a class such as ``t3.medium`` or ``db.t3.medium`` sustains; None for one the table does not have."""
    family, _, size = name.removeprefix("db.").partition(".")
    table = _load("performance")
    row = table["classes"].get(family, {}).get(size)
    if row is None:
        return None
    mbps, iops, gbps = row
    return Performance(mbps, iops, gbps, baseline=table["baselines"].get(family, {}).get(size, 100) / 100)


@dataclass(frozen=True)
class SearchClass:
    """A class of OpenSearch nodes."""

    auto_tune: bool
    most_nodes: int | None
    """Data nodes in a domain that has this class for data or for masters; None where AWS sets no limit of its own."""
    largest_volume: int | None
    """GiB of gp3 for each node; None where it is not known."""


@cache
def search_classes() -> dict[str, SearchClass]:
    """Return every ``*.search`` class of the table, by name."""
    return {
        f"{family}.{size}.search": SearchClass(row.get("auto_tune", True), row.get("most_nodes"), volume)
        for family, row in _load("search")["families"].items()
        for size, volume in row["volumes"].items()
    }


def _memory(kind: str, name: str) -> float | None:
    table = _load("classes")[kind]
    prefix, _, rest = name.partition(".")
    family, _, size = rest.partition(".")
    if prefix != table["prefix"]:
        return None
    memory: float | None = table["families"].get(family, {}).get(size)
    return memory


@dataclass(frozen=True)
class InstanceClass:
    """A class of EC2 instances."""

    name: str
    architecture: Architecture
    vcpus: int
    memory: int
    """MiB."""
    interfaces: int
    """Network interfaces, the instance's own among them."""
    trunk_tasks: int | None
    """ECS tasks with an interface of their own where the account trunks; None for a class that cannot."""
    burstable: bool


ECS_RESERVED_MEMORY = 256
"""MiB of a container instance that are kept for the system and the ECS agent."""


def task_memory(instance: InstanceClass) -> int:
    """Return the MiB that tasks find on a container instance, with what the kernel keeps guessed on the safe side.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/memory-management.html
    """
    return max(0, int(instance.memory * 0.95) - 96 - ECS_RESERVED_MEMORY)


def instance_class(name: str) -> InstanceClass | None:
    """Return an EC2 class such as ``t3.medium``; None for one the table does not have."""
    return _instance_classes().get(name)


def instance_is_burstable(name: str) -> bool:
    """Tell whether an EC2 class lives on CPU credits."""
    known = instance_class(name)
    return known is not None and known.burstable


def instance_classes() -> list[str]:
    """List every EC2 class of the table."""
    return list(_instance_classes())


@cache
def _instance_classes() -> dict[str, InstanceClass]:
    table = _load("instances")
    built: dict[str, InstanceClass] = {}
    for family, facts in table["burstable"].items():
        for size, (vcpus, gib, interfaces) in facts["sizes"].items():
            name = f"{family}.{size}"
            built[name] = InstanceClass(
                name, facts["architecture"], vcpus, int(gib * 1024), interfaces, None, burstable=True
            )
    for family, facts in table["even"].items():
        for size in facts["sizes"]:
            name, of = f"{family}.{size}", table["sizes"][size]
            tasks = facts.get("trunk", {}).get(size, of["trunk_tasks"])
            trunk = None if size in facts.get("without_trunk", ()) else tasks
            interfaces = facts.get("interfaces", {}).get(size, of["interfaces"])
            memory = of["vcpus"] * facts["gib"] * 1024
            built[name] = InstanceClass(
                name, facts["architecture"], of["vcpus"], memory, interfaces, trunk, burstable=False
            )
    return built


@dataclass(frozen=True)
class KubernetesVersion:
    """A version of Kubernetes that AWS runs, or ran."""

    name: str
    standard_ends: date
    extended_ends: date
    autoscaler: str
    addons: Mapping[str, str]
    """Version by add-on; empty for a version that is out of support."""


@cache
def kubernetes_versions() -> dict[str, KubernetesVersion]:
    """Return every version of the table, the newest first."""
    table = _load("kubernetes")
    return {
        name: KubernetesVersion(
            name,
            row["standard"],
            row["extended"],
            row.get("autoscaler", ""),
            {**table["addons"], **row["addons"]} if "addons" in row else {},
        )
        for name, row in table["versions"].items()
    }


def countries() -> list[str]:
    """List the codes of countries that AWS WAF takes."""
    codes: list[str] = _load("countries")["codes"]
    return codes


def country_meant(code: str) -> str | None:
    """Return the code for which people often write another: ``GB`` for ``UK``."""
    meant: str | None = _load("countries")["meant"].get(code)
    return meant


def is_reserved(word: str, what: Literal["users", "databases"]) -> bool:
    """Tell whether RDS for PostgreSQL refuses ``word`` as the name of its administrator, or of its database."""
    table = _load("reserved")
    return (
        word in table["keywords"]
        or word in table[what]
        or (what == "users" and word.startswith(tuple(table["user_prefixes"])))
    )


@dataclass(frozen=True)
class Count:
    """How much of a thing there is: a measure of some types of resources, summed for each of what has them. What the words mean
    stands in ``quotas.yaml``."""

    types: tuple[str, ...]
    of: str
    each: str
    input: tuple[tuple[str, ...], ...] = ()
    """Paths, part by part."""
    only: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True)
class Quota:
    """What AWS takes of a thing."""

    name: str
    words: str
    most: int
    counted: tuple[tuple[Count, ...], ...]
    """Sums, each held against it by itself."""
    at: tuple[str, ...]
    """The layers that bring much of it, the likeliest first."""
    source: str
    hard: bool = False
    """Nobody gets more; else it is a default that AWS raises on request."""
    request: str = ""
    """Where more is asked for: the service in Service Quotas, with the quota's code where it is known (``vpc/L-0EA8095F``), or
    ``support`` for AWS Support. https://docs.aws.amazon.com/servicequotas/latest/userguide/request-quota-increase.html"""
    up_to: int | None = None
    """What AWS grants at most, where its page says so."""
    in_regions: Mapping[str, int] = field(default_factory=dict)
    """Regions in which it is another number."""
    unsure: bool = False
    """AWS's page does not say the number any more: nothing is refused for it, only noted."""

    def most_in(self, region: str) -> int:
        """Return how much AWS takes in a region."""
        return self.in_regions.get(region, self.most)


@cache
def quotas() -> tuple[Quota, ...]:
    """Return the quotas that a stack may come near to."""
    return tuple(
        Quota(
            **{
                **row,
                "name": name,
                "at": tuple(row["at"]),
                "counted": tuple(
                    tuple(map(_count, counts if isinstance(counts, list) else [counts])) for counts in row["counted"]
                ),
            }
        )
        for name, row in _load("quotas").items()
    )


def most_of(name: str) -> int:
    """Return how much AWS takes of what a quota is called by."""
    return next(quota.most for quota in quotas() if quota.name == name)


def _count(row: Mapping[str, Any]) -> Count:
    paths = row.get("input", [])
    return Count(
        **{
            **row,
            "types": tuple(row["types"]),
            "without": tuple(row.get("without", ())),
            "input": tuple(tuple(path.split(".")) for path in ([paths] if isinstance(paths, str) else paths)),
        }
    )


def prefix_list_weights() -> dict[str, int]:
    """Map the names of AWS's own lists of addresses to the rules as which each counts."""
    weights: dict[str, int] = _load("prefix_lists")["weights"]
    return weights


def waf_costs() -> Mapping[str, Any]:
    """Return what statements and managed groups take of a web ACL's capacity."""
    costs: Mapping[str, Any] = _load("waf")
    return costs


Parametrised = Literal["database", "cache"]
"""What has a parameter group."""


def parameters_of(what: Parametrised) -> list[str]:
    """List the names that a parameter group of it takes, but for those of extensions."""
    names: list[str] = _load("parameters")[what]
    return names


def is_parameter(name: str, what: Parametrised) -> bool:
    """Tell whether a parameter group may take ``name``; an extension's parameter has a dot and is taken on trust."""
    if what == "database":
        return "." in name or name in parameters_of(what)
    return name in parameters_of(what) or name.startswith(tuple(_load("parameters")["cache_prefixes"]))


def kubernetes_as_of() -> date:
    """Return the day of the table."""
    day: date = _load("kubernetes")["as_of"]
    return day


@dataclass(frozen=True)
class Room:
    """What there is for pods, or what pods ask for."""

    cpu: int
    """Millicores."""
    memory: int
    """MiB."""
    pods: int


def system_pods(scope: Literal["each_node", "cluster"]) -> Room:
    """Return what the add-ons' pods take of every node, or of the cluster once."""
    return Room(**_load("kubernetes")["system"][scope])


def addresses(instance: InstanceClass) -> int:
    """Return how many IPv4 addresses each of its network interfaces has."""
    table = _load("kubernetes")["addresses"]
    family, _, size = instance.name.partition(".")
    found: int = table["families"].get(family, table["burstable" if instance.burstable else "sizes"])[size]
    return found


_PREFIX = 16
_SMALL_NODE_VCPUS = 30


def most_pods(instance: InstanceClass, *, prefixes: bool) -> int:
    """Return how many pods a node takes: its addresses, or with prefixes at most 110, from 30 vCPU on 250.

    https://docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html#determine-max-pods
    """
    each = addresses(instance) - 1
    found = instance.interfaces * (each * _PREFIX if prefixes else each) + 2
    return min(found, 110 if instance.vcpus < _SMALL_NODE_VCPUS else 250)


def node_room(instance: InstanceClass, *, prefixes: bool) -> Room:
    """Return what pods of services find on a node, once Linux, the kubelet and the add-ons have theirs.

    What Amazon Linux reserves: https://github.com/awslabs/amazon-eks-ami/blob/main/nodeadm/internal/kubelet/config.go. The
    twentieth that the kernel keeps is guessed on the safe side.
    """
    add_ons = system_pods("each_node")
    reserved_memory = 255 + 11 * most_pods(instance, prefixes=False) + 100
    shares = (60, 10, 5, 5)
    reserved_cpu = sum(shares[: instance.vcpus]) + 2.5 * max(0, instance.vcpus - len(shares))
    return Room(
        cpu=max(0, int(instance.vcpus * 1000 - reserved_cpu) - add_ons.cpu),
        memory=max(0, int(instance.memory * 0.95) - reserved_memory - add_ons.memory),
        pods=most_pods(instance, prefixes=prefixes) - add_ons.pods,
    )


def layer_buckets(region: str) -> dict[str, str | None]:
    """Map each registry, as images' names end before the first slash, to the bucket that layers are read from in
    ``region``; None for a registry that needs none there."""
    return {
        registry: row.get("named", {}).get(region, row.get("bucket", "").format(region=region)) or None
        for registry, row in _load("registries")["registries"].items()
    }
