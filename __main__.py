"""The Pulumi program: one stack file becomes one platform."""

import pulumi

from groundwork.components import Platform, load
from groundwork.settings import Mistakes
from groundwork.settings.hints import hints

try:
    settings = load()
except Mistakes as mistakes:
    raise pulumi.RunError(f"the stack file has mistakes:\n{mistakes}") from None

for hint in hints(settings):
    pulumi.log.warn(hint)

platform = Platform(settings.platform.name, settings)
for name, value in platform.addresses.items():
    pulumi.export(name, value)
