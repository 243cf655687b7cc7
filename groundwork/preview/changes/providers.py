"""Through which provider a resource is made, and in which region: in another one it is another resource, whatever else stays."""

from __future__ import annotations

from groundwork.preview.changes.replacement import is_global
from groundwork.preview.snapshot import Resource, Snapshot

PROVIDERS = "pulumi:providers:"
PROVIDER = "provider"
"""What a change of the provider is called among those of properties; no property of a resource has this name."""
REGION = "region"
_DEFAULT = "default"
"""How the names of those begin that the engine makes itself:
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/providers/reference.go"""


class Providers:
    """The explicit providers of one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._providers = {
            one.urn: one
            for one in snapshot.resources
            if one.type.startswith(PROVIDERS) and not one.name.startswith(_DEFAULT)
        }

    def of(self, resource: Resource) -> Resource | None:
        """Return the provider that a resource names; None where the engine's own makes it."""
        # URN::ID
        said = resource.options.get(PROVIDER, "")
        return self._providers.get(said) or self._providers.get(said.rpartition("::")[0])

    def region(self, resource: Resource) -> str:
        """Return the region that a resource is in; empty where it is in none, or nobody says which."""
        if not resource.type.startswith("aws:") or is_global(resource.type):
            return ""
        provider = self.of(resource)
        found = (
            resource.inputs.get(REGION)
            or (resource.outputs.get(REGION) if self._snapshot.real else None)
            or (provider.inputs.get(REGION) if provider else None)
            or self._snapshot.region
        )
        return found if isinstance(found, str) else ""
