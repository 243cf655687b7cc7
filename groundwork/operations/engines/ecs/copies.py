"""How many copies of a service on ECS run: by hand, and none for a while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groundwork.operations.account import plain_errors
from groundwork.operations.engines.ecs.cluster import RunningCluster
from groundwork.operations.engines.runner import Scaling
from groundwork.operations.groups import groups_of, resize

_DIMENSION = "ecs:service:DesiredCount"


class EcsCopies(RunningCluster):
    """Numbers of copies of a cluster's services, and what scales them."""

    def scaling(self, service: str) -> Scaling:
        """Return the desired count, and the bounds of Application Auto Scaling."""
        described = self.service(service)
        target = self._scalable(described["serviceName"]) or {}
        return Scaling(
            now=described["desiredCount"],
            setting=f"services.{service}.scaling.min",
            least=target.get("MinCapacity"),
            most=target.get("MaxCapacity"),
        )

    def _scalable(self, name: str) -> dict[str, Any] | None:
        with plain_errors(f"asking what scales {name}"):
            pages = self._scaler.get_paginator("describe_scalable_targets").paginate(
                ServiceNamespace="ecs", ResourceIds=[self._resource(name)], ScalableDimension=_DIMENSION
            )
            return next((one for page in pages for one in page["ScalableTargets"]), None)

    @property
    def _scaler(self) -> Any:
        return self.account.client("application-autoscaling")

    def _resource(self, name: str) -> str:
        return f"service/{self.cluster}/{name}"

    def scale(self, service: str, count: int, least: int | None, most: int | None) -> None:
        """Move the bounds first, so that nothing takes the number back."""
        name = self.service(service)["serviceName"]
        if least is not None and most is not None:
            self._bound(name, least, most)
        self._count(name, count)

    def _bound(self, name: str, least: int, most: int) -> None:
        with plain_errors(f"moving the bounds of {name}"):
            self._scaler.register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=self._resource(name),
                ScalableDimension=_DIMENSION,
                MinCapacity=least,
                MaxCapacity=most,
            )

    def _count(self, name: str, count: int) -> None:
        with plain_errors(f"asking for {count} copies of {name}"):
            self._client.update_service(cluster=self.cluster, service=name, desiredCount=count)

    def stop_all(self) -> Iterator[str]:
        """Want no copy of any service, as ``platform.hours`` does; instances go when their tasks have gone."""
        for name, described in self.services().items():
            if self._scalable(described["serviceName"]):
                self._bound(described["serviceName"], 0, 0)
            self._count(described["serviceName"], 0)
            yield f"{name}: no copy is wanted"
        for group in self._instance_groups():
            resize(self.account, group, 0)
            yield f"{group}: no instance is wanted"

    def start_all(self) -> Iterator[str]:
        """Want as many copies as the stack file says at least."""
        for group in self._instance_groups():
            least = self.account.settings.compute.capacity.min if self.account.settings.compute else 0
            resize(self.account, group, least)
            yield f"{group}: instances wanted at least: {least}"
        for name, described in self.services().items():
            wanted = self.account.settings.services[name].scaling
            if self._scalable(described["serviceName"]):
                self._bound(described["serviceName"], wanted.min, wanted.max)
            self._count(described["serviceName"], wanted.min)
            yield f"{name}: copies wanted: {wanted.min}"

    def _instance_groups(self) -> list[str]:
        compute = self.account.settings.compute
        if compute is None or not compute.has_instances:
            return []
        return [group["AutoScalingGroupName"] for group in groups_of(self.account)]
