"""Services as containers on EC2 instances that replace themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, SecretReference, Statement
from groundwork.components.base import Component
from groundwork.components.compute.ec2.address import Address
from groundwork.components.compute.ec2.alarms import watch_group
from groundwork.components.compute.ec2.configuration import Store, store, write_programs, write_service
from groundwork.components.compute.ec2.delivery import delivery
from groundwork.components.compute.ec2.fixed_interface import FixedInterface, fixed_interface
from groundwork.components.compute.ec2.group import GroupSize, LaunchSettings, group
from groundwork.components.compute.ec2.identity import PlacedService, place_services
from groundwork.components.compute.ec2.machine import Certified, Machine, Proxy, cache_container
from groundwork.components.compute.ec2.own_cache import Backups
from groundwork.components.compute.ec2.role import (
    HostRole,
    allow,
    certificate_statements,
    host_role,
    host_statements,
    on_behalf,
)
from groundwork.components.compute.ec2.security_group import InstanceGroup, instance_group
from groundwork.components.compute.ec2.shape import MAIN, InstanceKind, parts
from groundwork.components.compute.ec2.units import PROGRAMS
from groundwork.components.compute.ec2.user_data import programs
from groundwork.components.compute.ec2.volume import DataVolume, attach, data_volume
from groundwork.components.compute.exposure import Exposure, expose
from groundwork.components.compute.images import Image, images_of
from groundwork.components.compute.jobs import WAIT, Job, JobOutputs
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.stopping import Stoppable, StoppedGroup
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.context import Context
from groundwork.components.edge.origin import LONGEST_WAIT, Entrance, InstanceOrigin, Origin, Origins
from groundwork.components.logs import log_group
from groundwork.components.services.routes import routes
from groundwork.settings.facts import instance_is_burstable
from groundwork.settings.recurrence import calendar


class Zoned(NetworkLike, Protocol):
    """A network with the subnets that a fixed interface may stand in."""

    @property
    def public_subnet_ids(self) -> Mapping[str, pulumi.Input[str]]: ...

    @property
    def public_ready(self) -> Sequence[pulumi.Resource]: ...


class Ec2(Component):
    """Every service of the stack file as a container on instances of its own.

    Builds: for each kind of instance a launch template, an Auto Scaling group, a role, alarms; a log group for what happens
    on instances; for each service a repository (unless ``image`` names one elsewhere), a log group, a role where its uses
    grant anything, its declaration, image and environment in Parameter Store. An instance is Amazon Linux 2023 with Docker,
    systemd as what starts containers and starts them again, and the CloudWatch agent.

    A job is a unit that runs to its end, with a timer where it has a schedule.

    One instance (``instances.max: 1``) runs everything; where it stands in public, holds a data volume or the cache, it has a
    fixed interface: a network interface that stays, in one zone, and that each instance is born with. CloudFront reaches it through
    the ``address``; nginx on it ends TLS with a certificate that it gets from Let's Encrypt by DNS, asks for the secret
    header, and sends each path to its service. Several instances (``max`` from 2 on) stand behind the load balancer, one copy
    of each service on each, and workers have instances of their own.

    A service has its own role, and its container gets that role's credentials from the instance, not the instance's own: the
    metadata service is out of a container's reach. They are said to last 20 minutes of the hour that they do, so a URL that
    a service signs works for at least 40 minutes and at most an hour, whatever it asks for.

    Cost: instances by the second, their volumes by the gigabyte, $3.65 for the address. Metrics beyond ten cost $0.30 each.

    Fails: an instance that EC2 or the load balancer finds broken is replaced: five minutes, no hand (S4-15). So is one whose
    boot fails, after ten minutes in which one can look at it. A service that ends is started again after five seconds, one
    that stays unwell after three minutes; the ``services`` alarm says so. A service whose image cannot be
    pulled is tried again and shows as unwell. The log group ``/platform/stage/instances`` has what boot and programs say. Losing the
    fixed interface's zone stops its instance until the zone is back: restore the volume's snapshot in another.

    Changes without replacement: nothing of an instance; whatever changes its user data, its image or what is written for
    its services makes new instances, one after the other. The only one goes first, so that a change means about five
    minutes without service; several are never fewer. Kept in any case: data volume, address, repositories, logs. An image
    that a pipeline owns changes in place: write its parameter, restart ``groundwork@NAME``.
    """

    layer = "compute"

    service_names: dict[str, pulumi.Output[str]]
    """The Auto Scaling group that runs each service."""
    group_names: dict[str, pulumi.Output[str]]
    """By kind of instance: ``instances``, and with several ``workers``."""
    security_group_ids: dict[str, pulumi.Output[str]]
    """By service; those of one instance share one."""
    repository_urls: dict[str, pulumi.Output[str]]
    """Of those services that have a repository of their own."""
    log_group_names: dict[str, pulumi.Output[str]]
    cluster_name: None
    """There is no cluster."""
    jobs: dict[str, JobOutputs]
    """What it takes to run each job."""
    delivery: tuple[Statement, ...]
    origins: Origins
    stoppable: Stoppable
    volume_arns: tuple[pulumi.Output[str], ...]

    def __init__(
        self,
        name: str,
        settings: ComputeSettings,
        context: Context,
        *,
        run: Run,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        self._settings = settings
        self.volume_arns = ()
        services, network, entrance, own_cache = run.services, run.network, run.entrance, run.own_cache
        self._services = services
        self._jobs = run.jobs
        self._containers = {**services, **{key: job.container for key, job in self._jobs.items()}}
        self._network = network
        self._cache = own_cache
        public = settings.capacity.placement == "public"
        self._address = Address(f"{name}-address", context, opts=self.child()) if public else None
        self._instance = entrance.instance
        wanted = parts(settings, services, has_cache=own_cache is not None)
        self._first = wanted[0].key

        host_roles = {part.key: host_role(self, part.key) for part in wanted}
        placed = self._place(wanted, host_roles, run.grants)
        images = images_of(self, placed, settings)
        logs = {one: log_group(self, one, f"{context.prefix}/services/{one}") for one in self._containers}
        self._log_arns = {one: made.arn for one, made in logs.items()}
        own = log_group(self, "instances", self._instance_logs)
        self._log_arns[""] = own.arn

        machines = {part.key: self._machine(part) for part in wanted}
        kept = store(self)
        write_programs(self, kept, [program for machine in machines.values() for program in programs(machine)])
        for service, placed_service in placed.items():
            write_service(
                self,
                kept,
                placed_service,
                images[service],
                placeholder_image=settings.placeholder_image,
                log_group=f"{context.prefix}/services/{service}",
                everywhere=entrance.load_balancer is not None,
                job=self._jobs.get(service),
            )
        exposures = self._expose(entrance)
        security_groups = {
            part.key: instance_group(
                self,
                part,
                {name: placed[name] for name in self._on(part)},
                network=network,
                load_balancer=entrance.load_balancer,
                proxy=machines[part.key].proxy,
            )
            for part in wanted
        }
        self.group_names = {
            part.key: self._instances(
                part,
                machine=machines[part.key],
                to=host_roles[part.key],
                kept=kept,
                placed=placed,
                images=images,
                exposures=exposures,
                security_group=security_groups[part.key],
            )
            for part in wanted
        }
        by_service = {service: part.key for part in wanted for service in part.services}
        self.service_names = {service: self.group_names[key] for service, key in by_service.items()}
        self.security_group_ids = {service: security_groups[key].id for service, key in by_service.items()}
        self.repository_urls = {
            service: image.repository_url for service, image in images.items() if image.repository_url is not None
        }
        self.log_group_names = {service: made.name for service, made in logs.items()}
        self.cluster_name = None
        self.delivery = delivery(self, list(services), list(self._jobs))
        self.jobs = {
            key: JobOutputs(
                when=job.settings.starts,
                image=images[key].holder,
                timeout=job.settings.timeout or (None if job.settings.schedule else WAIT),
                logGroup=logs[key].name,
                autoScalingGroup=self.group_names[wanted[0].key],
                command=f"set -a; . /etc/groundwork/environment; exec /usr/bin/python3 {PROGRAMS}/job.py {key}",
            )
            for key, job in self._jobs.items()
        }
        self.origins = self._origins(entrance)
        self.stoppable = Stoppable(
            groups={part.key: StoppedGroup(self.group_names[part.key], part.least, part.most) for part in wanted}
        )
        self.register_outputs({"groupNames": self.group_names, "repositoryUrls": self.repository_urls})

    @property
    def _instance_logs(self) -> str:
        return f"{self.context.prefix}/instances"

    @property
    def _namespace(self) -> str:
        return self.context.prefix[1:]

    def _place(
        self,
        wanted: tuple[InstanceKind, ...],
        host_roles: Mapping[str, HostRole],
        grants: Mapping[str, Mapping[str, Grant]],
    ) -> dict[str, PlacedService]:
        """Create an identity for each service, which trusts the instances that run it."""
        found: dict[str, PlacedService] = {}
        for part in wanted:
            found.update(place_services(self, self._on(part), self._containers, grants, host_roles[part.key].role.arn))
        return found

    def _on(self, part: InstanceKind) -> tuple[str, ...]:
        """Return the services of a kind of instance, and on the first kind the jobs."""
        return (*part.services, *(self._jobs if part.key == self._first else ()))

    def _calendar(self, job: Job) -> str | None:
        schedule = job.settings.schedule
        if schedule is None or not schedule.enabled:
            return None
        return calendar(schedule.cron, schedule.timezone or self.context.platform.timezone)

    def _expose(self, entrance: Entrance) -> dict[str, Exposure]:
        wanted = routes(self._services, self.context.platform.domain, self._settings.engine)
        return {
            name: expose(
                self,
                name,
                service,
                wanted,
                network=self._network,
                load_balancer=entrance.load_balancer,
                # Instances are reached on every port that a service of theirs has: see ``instance_group``.
                admit=lambda port, group: (),
                target_type="instance",
            )
            for name, service in self._services.items()
        }

    def _machine(self, part: InstanceKind) -> Machine:
        platform = self.context.platform
        own_cache = self._cache if part.key == MAIN else None
        return Machine(
            group=f"{platform.slug}-{part.key}",
            namespace=self._namespace,
            log_group=self._instance_logs,
            region=self.context.region,
            timezone=platform.timezone,
            parameters=f"{self.context.prefix}/services",
            programs=f"{self.context.prefix}/instances/programs",
            services=part.services,
            after={service: self._before(service) for service in part.services},
            proxy=self._proxy() if part.key == MAIN else None,
            jobs={key: self._calendar(job) for key, job in self._jobs.items()} if part.key == self._first else {},
            longest_stop=max(120, *(self._containers[name].stop_timeout for name in self._on(part))),
            cache=cache_container(own_cache.settings, copied=own_cache.backups is not None) if own_cache else None,
            volume=part.has_fixed_interface and self._settings.capacity.data_volume is not None,
        )

    def _before(self, service: str) -> tuple[str, ...]:
        uses = self._services[service].uses
        units = [f"groundwork@{used}.service" for used in uses if used in self._services]
        return tuple([*units, "groundwork-cache.service"] if self._cache and "cache" in uses else units)

    def _proxy(self) -> Proxy | None:
        if self._instance is None:
            return None
        return Proxy(
            routes=tuple(routes(self._services, self.context.platform.domain, self._settings.engine)),
            ports={service: declared.port for service, declared in self._services.items() if declared.port},
            header=self._instance.header[0],
            certified=Certified(self._instance.names) if self._instance.names else None,
        )

    def _instances(
        self,
        part: InstanceKind,
        *,
        machine: Machine,
        to: HostRole,
        kept: Store,
        placed: Mapping[str, PlacedService],
        images: Mapping[str, Image],
        exposures: Mapping[str, Exposure],
        security_group: InstanceGroup,
    ) -> pulumi.Output[str]:
        here = [placed[name] for name in self._on(part)]
        volume = self._volume() if machine.volume else None
        instance = self._instance if machine.proxy else None
        backups = self._cache.backups if machine.cache and self._cache else None
        permission = allow(
            self,
            to,
            [
                *host_statements(self, kept, self._log_arns, machine.namespace),
                *on_behalf(here, images, self.context.region, also=_instance_secrets(self.context, instance)),
                *(certificate_statements(instance, self.context.arn_start) if instance else ()),
                *(attach(self, volume) if volume else ()),
                *(backups.grant("write", "cache/").statements if backups else ()),
            ],
        )
        served = [exposures[service] for service in part.services]
        made = group(
            self,
            part.key,
            self._settings,
            GroupSize(
                part.least, part.most, self._fixed_interface(security_group.id) if part.has_fixed_interface else None
            ),
            LaunchSettings(
                machine,
                self._facts(kept, volume, instance, backups),
                to.profile_arn,
                security_group.id,
            ),
            network=self._network,
            target_group_arns=[exposure.group_arn for exposure in served if exposure.group_arn is not None],
            alarm_names=[alarm for exposure in served for alarm in exposure.alarm_names],
            after=[
                permission,
                *security_group.rules,
                *kept.ready,
                *(item for placed_service in here for item in placed_service.ready),
                *self._network.private_ready,
                *self._network.public_ready,
            ],
        )
        capacity = self._settings.capacity
        least = min([part.least, *(hours.min for hours in capacity.schedule.values())])
        burstable = instance_is_burstable(capacity.instance_class)
        watch_group(self, part.key, machine, made.name, burstable=burstable, least=least)
        return made.name

    def _facts(
        self, kept: Store, volume: DataVolume | None, instance: InstanceOrigin | None, backups: Backups | None
    ) -> dict[str, pulumi.Input[str]]:
        facts: dict[str, pulumi.Input[str]] = {
            "DIGEST": kept.digest_of.apply(lambda text: hashlib.sha256(text.encode()).hexdigest())
        }
        if volume:
            facts["VOLUME"] = volume.id
        if instance:
            facts["ORIGIN_SECRET"] = instance.secret_arn
        if backups:
            facts["BACKUPS"] = backups.bucket_name
        return facts

    def _volume(self) -> DataVolume:
        size = self._settings.capacity.data_volume
        volume = data_volume(self, size or 0, self._zone)
        self.volume_arns = (*self.volume_arns, volume.arn)
        return volume

    @property
    def _zone(self) -> str:
        """Return the first zone, for the fixed interface and the data volume alike."""
        return next(iter(self._network.private_subnet_ids))

    def _origins(self, entrance: Entrance) -> Origins:
        if self._address is None or entrance.instance is None:
            return entrance.origins
        instance = entrance.instance
        origin = Origin(
            self._host_of(self._address, instance),
            is_secure=instance.host is not None,
            header=instance.header,
            # The instance keeps idle connections for 75 seconds; CloudFront gives them up before.
            keepalive_timeout=LONGEST_WAIT,
        )
        return Origins({"server": origin})

    def _host_of(self, address: Address, instance: InstanceOrigin) -> pulumi.Output[str]:
        if instance.host is None or instance.zone_id is None:
            return address.public_dns
        return aws.route53.Record(
            f"{self.name}-origin",
            zone_id=instance.zone_id,
            name=instance.host,
            type="A",
            records=[address.public_ip],
            ttl=300,
            opts=self.child(),
        ).fqdn

    def _fixed_interface(self, group_id: pulumi.Output[str]) -> FixedInterface:
        public = self._settings.capacity.placement == "public"
        subnets = self._network.public_subnet_ids if public else self._network.private_subnet_ids
        allocation = self._address.allocation_id if self._address and public else None
        return fixed_interface(self, self._zone, subnets[self._zone], group_id, allocation)


def _instance_secrets(context: Context, instance: InstanceOrigin | None) -> list[SecretReference]:
    return [SecretReference(instance.secret_arn, context.key_arn("secrets"))] if instance else []
