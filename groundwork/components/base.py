"""What every component shares: its type token, its parentage, its tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import pulumi

from groundwork.components.context import Context
from groundwork.settings.fitting import fit

__all__ = ["Component", "fit", "key_of"]


class Component(pulumi.ComponentResource):
    """Base of all components: token ``groundwork:<layer>:<ClassName>``, tags on every taggable child.

    Children take ``opts=self.child()`` and nothing of the caller's options; the caller's options reach them by inheritance.
    """

    layer: ClassVar[str]
    context: Context

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        transformations = [_tagging(context.tags(self.layer), context.lasting_tags(self.layer))]
        if isinstance(context.platform.removable, tuple):
            transformations.append(_releasing(context.platform.removable))
        if context.boundary_arn is not None:
            transformations.append(_bounding(context.boundary_arn))
        own = pulumi.ResourceOptions(transformations=transformations)
        super().__init__(
            f"groundwork:{self.layer}:{type(self).__name__}",
            name,
            None,
            pulumi.ResourceOptions.merge(own, opts),
        )
        self.name = name
        self.context = context

    def child(self, **options: Any) -> pulumi.ResourceOptions:
        """Return options for a child; keywords as :class:`pulumi.ResourceOptions` takes them."""
        return pulumi.ResourceOptions(parent=self, **options)

    def stateful(self, **options: Any) -> pulumi.ResourceOptions:
        """Return options for a child that holds data: protected from deletion in prod."""
        return self.child(protect=self.context.guarded or None, **options)

    def outlasting(self, **options: Any) -> pulumi.ResourceOptions:
        """Return options for a child that others may still need when the stack no longer declares it: in prod it stays
        in the account when it leaves the stack, instead of stopping the whole update as what is protected does."""
        return self.child(retain_on_delete=self.context.guarded or None, **options)


def key_of(name: str, context: Context) -> str:
    """Return what a component is called without its platform: ``uploads`` for ``shop-uploads``."""
    return name.removeprefix(f"{context.platform.name}-")


def _tagging(tags: Mapping[str, str], lasting: Mapping[str, str]) -> pulumi.ResourceTransformation:
    """Tag every taggable resource below a component, in the shape its type takes; on what a launch template makes, the
    ``lasting`` ones."""

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if isinstance(args.resource, pulumi.ComponentResource) or "tags" not in args.props:
            return None
        shape = _SHAPES.get(args.type_, _as_map)
        props: dict[str, Any] = {**args.props, **shape(args.props, {"Name": args.name, **tags})}
        if args.type_ == _LAUNCH_TEMPLATE:
            props = {**props, **_specifications(args.props, {"Name": args.name, **lasting})}
        return pulumi.ResourceTransformationResult(props, args.opts)

    return transform


def _releasing(patterns: Sequence[str]) -> pulumi.ResourceTransformation:
    """Let what a stack file names as removable leave the stack, with what is in it: Pulumi's
    protection and AWS's own come off."""

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not any(fnmatchcase(args.name, pattern) for pattern in patterns):
            return None
        freed = {key: said for key, said in _FREED.items() if key in args.props}
        opts = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=False, retain_on_delete=False))
        return pulumi.ResourceTransformationResult({**args.props, **freed}, opts)

    return transform


def _bounding(boundary: pulumi.Output[str]) -> pulumi.ResourceTransformation:
    """Keep every role within a policy."""

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != "aws:iam/role:Role":
            return None
        return pulumi.ResourceTransformationResult({**args.props, "permissions_boundary": boundary}, args.opts)

    return transform


_FREED = {
    "deletion_protection": False,
    "enable_deletion_protection": False,
    "force_delete": True,
    "force_destroy": True,
}
"""The arguments with which AWS keeps a resource, or what is in it, from being deleted; as they are for one that may go."""


def _as_map(props: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    own = props.get("tags")
    if isinstance(own, pulumi.Output):
        return {"tags": own.apply(lambda known: {**tags, **(known or {})})}
    return {"tags": {**tags, **(own or {})}}


def _as_propagated_list(props: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return tags in an Auto Scaling group's own shape, where each says whether instances get it. What is there stays:
    the nearest component speaks first, and AWS takes one key twice without saying which counts."""
    own = list(props.get("tags") or [])
    said = {tag["key"] if isinstance(tag, Mapping) else tag.key for tag in own}
    missing = [
        {"key": key, "value": value, "propagate_at_launch": True} for key, value in tags.items() if key not in said
    ]
    return {"tags": [*own, *missing]}


def _specifications(props: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the tag specifications of a launch template for instances, volumes and interfaces, unless it has its
    own."""
    kinds = ("instance", "volume", "network-interface")
    return {
        "tag_specifications": props.get("tag_specifications")
        or [{"resource_type": kind, "tags": dict(tags)} for kind in kinds]
    }


_LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_SHAPES = {"aws:autoscaling/group:Group": _as_propagated_list}
