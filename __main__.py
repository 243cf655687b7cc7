"""The Pulumi program: one stack file becomes one platform."""

import pulumi

from components.platform import Platform
from settings import Mistakes, load_from_pulumi
from settings.hints import hints

try:
    settings = load_from_pulumi()
except Mistakes as mistakes:
    raise pulumi.RunError(f"the stack file has mistakes:\n{mistakes}") from None

for hint in hints(settings):
    pulumi.log.warn(hint)

platform = Platform(settings.platform.name, settings)
for name, value in platform.addresses.items():
    pulumi.export(name, value)
