"""What does not go together in secrets and their rotation."""

from __future__ import annotations

CHECKS = ()
