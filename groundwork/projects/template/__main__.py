"""The Pulumi program: the stack file becomes a platform."""

import pulumi

from groundwork.components import Platform, load
from groundwork.transforms import transformed

settings = load()
with transformed(settings):
    platform = Platform(settings.platform.name, settings)
for name, value in platform.addresses.items():
    pulumi.export(name, value)
