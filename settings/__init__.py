"""What a stack file may say, and how it becomes effective settings."""

from settings.loading import Loaded, Stack, find_stack, load_from_pulumi, load_stack, phases, stacks
from settings.mistakes import Mistake, Mistakes
from settings.models import Settings

__all__ = [
    "Loaded",
    "Mistake",
    "Mistakes",
    "Settings",
    "Stack",
    "find_stack",
    "load_from_pulumi",
    "load_stack",
    "phases",
    "stacks",
]
