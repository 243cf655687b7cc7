"""A rehearsal: a stack deployed to an account that is none, looked at a second time, and removed again."""

from groundwork.operations.rehearsal.rehearsal import Rehearsal, rehearse

__all__ = ["Rehearsal", "rehearse"]
