"""A rehearsal: a stack deployed to an account that is none, looked at a second time, moved to another phase, and removed again."""

from groundwork.operations.rehearsal.rehearsal import Rehearsal, rehearse

__all__ = ["Rehearsal", "rehearse"]
