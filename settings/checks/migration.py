"""What does not go together in a migration."""

from __future__ import annotations

CHECKS = ()
