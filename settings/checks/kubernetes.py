"""What does not go together in the Kubernetes cluster."""

from __future__ import annotations

CHECKS = ()
