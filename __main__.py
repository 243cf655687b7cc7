"""The Pulumi program: one stack file becomes one platform."""

import pulumi

from components.platform import Platform
from settings import Mistakes, load_from_pulumi

try:
    settings = load_from_pulumi()
except Mistakes as mistakes:
    raise pulumi.RunError(f"the stack file has mistakes:\n{mistakes}") from None

platform = Platform(settings.platform.name, settings)
for name, value in platform.addresses.items():
    pulumi.export(name, value)
