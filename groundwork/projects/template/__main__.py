"""The Pulumi program: the stack file becomes a platform."""

import pulumi

from groundwork.components import Platform, load

settings = load()
platform = Platform(settings.platform.name, settings)
for name, value in platform.addresses.items():
    pulumi.export(name, value)
