"""What a service runs before its first image: nothing of the application, but well, so that a first deployment ends well.

A rolling deployment whose tasks cannot start is given up by ECS's circuit breaker, and without one that completed before it
there is nothing to go back to; what Kubernetes, App Runner and instances wait for would not come either.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
"""

from __future__ import annotations

from groundwork.components.services.settings import ServiceSettings

_TEXT = "No image has been delivered to this service yet."

# Memory that every container has, whatever of its root is read-only; /tmp where it has none. The shell stays, since a process
# that is a container's first is not ended by SIGTERM unless it says so.
_ANSWER = (
    'trap "exit 0" TERM; for d in "${TMPDIR:-/dev/shm}" /tmp; do mkdir -p "$d/www$1" && break; done 2>/dev/null; '
    f'echo "{_TEXT}" | tee "$d/www/index.html" > "$d/www$1/$2"; httpd -f -p "$3" -h "$d/www" & wait $!'
)
_IDLE = 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done'


def command(service: ServiceSettings) -> tuple[str, ...]:
    """Return the command that busybox runs in its place: answers 200 on the health path, or, for a worker, waits for
    its end."""
    if service.port is None:
        return ("sh", "-c", _IDLE)
    folder, _, file = service.health.partition("?")[0].rpartition("/")
    return ("sh", "-c", _ANSWER, "placeholder", folder, file or "index.html", str(service.port))


def standing_in(service: ServiceSettings, *, idle: bool = False) -> ServiceSettings:
    """Return the service with the placeholder in it; where it is ``idle``, no copy of it."""
    changes: dict[str, object] = {"command": command(service), "health_command": (), "sidecars": {}}
    if idle:
        most = service.scaling.max if service.scaling.max > service.scaling.min else 0
        changes["scaling"] = service.scaling.model_copy(update={"min": 0, "max": most})
    return service.model_copy(update=changes)
