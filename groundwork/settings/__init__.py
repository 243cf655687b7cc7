"""What a stack file may say, and how it becomes effective settings."""

from groundwork.settings.loading import Loaded, Stack, find_stack, load_from_pulumi, load_stack, phases, stacks
from groundwork.settings.mistakes import Mistake, Mistakes
from groundwork.settings.models import Settings

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
