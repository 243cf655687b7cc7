"""From a resource to what the stack file says of it: the entry that it is built for, and the setting that mends a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from groundwork.preview.changes.model import Changes
from groundwork.preview.snapshot import Resource, Snapshot, Source, StackFileStatement
from groundwork.preview.verdicts import Remedy, Verdicts, remedies
from groundwork.settings.loading import Loaded
from groundwork.settings.mistakes import Path

_PLATFORM = "groundwork:platform:Platform"
_PHASE: Path = ("platform", "phase")
_OF = {"database": "data", "cache": "cache", "search": "search", "logs": "observability", "keys": "platform"}
"""First word of a component's name → the layer that it is built for, where its type says another."""
_ENTRIES: Mapping[str, tuple[Path, ...]] = {
    "storage": (("storage",),),
    "files": (("files",),),
    "secrets": (("secrets",), ("parameters",)),
    "extensions": (("extensions",),),
    "functions": (("functions",),),
    "messaging": (("messaging", "queues"), ("messaging", "topics"), ("messaging", "schedules")),
    "compute": (("services",),),
}
"""Module of a component's type → the maps of the stack file whose entries it may be built for."""


class StackStatements:
    """What one stack file says of the resources that come of it."""

    def __init__(self, snapshot: Snapshot, loaded: Loaded, label: str) -> None:
        """Create it for a snapshot made of ``loaded``; ``label`` is how messages call the stack file."""
        self._by_urn = snapshot.by_urn()
        self._settings = snapshot.settings
        self._loaded = loaded
        self._label = label
        self._prefix = f"{loaded.settings.platform.name}-"

    def of(self, urn: str) -> StackFileStatement | None:
        """Return the entry that a resource is built for; None for what is no part of the platform."""
        resource = self._by_urn.get(urn)
        component = self._outermost(resource) if resource else None
        if resource is None or component is None:
            return None
        return self._statement(self._entry(resource, component))

    def _statement(self, path: Path) -> StackFileStatement:
        """Return where the stack file says ``path``, else where it says the phase that does."""
        found = self._loaded.merged.source(path)
        own = found is not None and found[0].label == self._label
        said = found if own else self._loaded.merged.source(_PHASE)
        line = said[0].line(said[1]) if said else None
        return StackFileStatement(".".join(map(str, path)), Source(self._label, line or 1), by_phase=not own)

    def _outermost(self, resource: Resource) -> Resource | None:
        """Return the component right below the platform that a resource is in, or is."""
        one: Resource | None = resource
        while one is not None:
            above = self._by_urn.get(one.parent or "")
            if above is not None and above.type == _PLATFORM:
                return one
            one = above
        return None

    def _entry(self, resource: Resource, component: Resource) -> Path:
        module = component.type.split(":")[1].partition("/")[0]
        name = self._bare(component.name)
        for entries in _ENTRIES.get(module, ()):
            there = self._value(entries)
            if not isinstance(there, dict):
                continue
            # A component of all services has resources of each, which are named after it.
            named = name if module != "compute" else self._bare(resource.name)
            words = f"-{named}-"
            fits = [one for one in there if name == one or (module == "compute" and f"-{one}-" in words)]
            if fits:
                return (*entries, max(fits, key=len))
        layer = _OF.get(name.partition("-")[0], module)
        return (layer,) if self._value((layer,)) is not None else _PHASE

    def _value(self, path: Path) -> Any:
        value: Any = self._settings
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def _bare(self, name: str) -> str:
        return name.removeprefix(self._prefix)

    def remedy(self, rule: str, urn: str) -> Remedy | None:
        """Return what the stack file can do about a finding; None where nothing is known of it."""
        resource = self._by_urn.get(urn)
        component = self._outermost(resource) if resource else None
        # What an extension declares, no setting changes.
        if resource is None or component is None or component.type.startswith("groundwork:extensions:"):
            return None
        name, entry = self._bare(resource.name), self.of(urn)
        for one in remedies().get(rule, ()):
            setting = one.get("setting", "")
            if "{entry}" in setting:
                layer = setting.partition(".")[0]
                if entry is None or not entry.path.startswith(f"{layer}."):
                    continue
                setting = setting.replace("{entry}", entry.path.rpartition(".")[2])
            if fnmatchcase(name, one.get("for", "*")):
                return Remedy(setting, one.get("how", ""), one.get("choice", ""))
        return None

    def place(self, setting: str) -> StackFileStatement:
        """Return where the stack file says a setting, or what stands around it."""
        return self._statement(tuple(setting.split(".")))


def with_statements(verdicts: Verdicts, statements: StackStatements) -> Verdicts:
    """Return the verdicts with what the stack file says of each finding, and what it can do about it."""
    findings = []
    for finding in verdicts.findings:
        urn = finding.resource.urn
        remedy = statements.remedy(finding.rule.name, urn)
        stated = statements.place(remedy.setting) if remedy and remedy.setting else statements.of(urn)
        findings.append(replace(finding, stated=stated, remedy=remedy))
    return replace(verdicts, findings=tuple(findings))


def changes_with_statements(changes: Changes, statements: StackStatements) -> Changes:
    """Return the changes with what the stack file says of each resource; of one that is deleted it says nothing any more."""
    return replace(changes, changes=tuple(replace(one, stated=statements.of(one.urn)) for one in changes.changes))
