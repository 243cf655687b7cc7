"""Hold what a stack's program declares against what its account has."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jmespath.exceptions

from groundwork.operations.account import StackAccount
from groundwork.operations.drift.comparing import same
from groundwork.operations.drift.events import with_events
from groundwork.operations.drift.model import ChangedValue, Drift, DriftFinding, DriftKind
from groundwork.operations.drift.names import (
    RealNames,
    UnknownValueError,
    bears_name,
    tag_of,
)
from groundwork.operations.drift.queries import Placeholders, Queries, searched
from groundwork.operations.drift.table import ComparedType, InsideRule, Read, drift_table
from groundwork.operations.errors import NotFoundError, OperationError, UnreachableError
from groundwork.operations.tags import find_tagged, kind_of
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import partition_of

SECONDS = 240
"""After which nothing more is asked."""

Place = Callable[[Resource], str]
"""Says what of the stack file a resource is built for."""


def detect_drift(
    account: StackAccount,
    snapshot: Snapshot,
    now: datetime.datetime,
    place: Place,
    *,
    seconds: float = SECONDS,
) -> Drift:
    """Return what differs. What one question is refused leaves the others; UnreachableError where all would be."""
    comparison = _Comparison(account, snapshot, place, Queries(account, seconds))
    comparison.read_all()
    findings = [*comparison.findings(), *comparison.unmanaged()]
    findings, refused = with_events(account, findings, now)
    return Drift(
        account.stack_name,
        account.place,
        now,
        tuple(findings),
        resources=len(comparison.resources),
        compared=len(comparison.read),
        values=comparison.values,
        unknown_values=comparison.unknown_values,
        not_compared=comparison.not_compared(),
        not_known=comparison.not_known(),
        not_asked={why: tuple(sorted(types)) for why, types in comparison.refused.items()},
        events_refused=refused,
    )


@dataclass
class _Looked:
    """What the account says of a resource: an item for each read, in their order."""

    items: list[Any]
    used: tuple[str, ...]
    found: str | None = None
    missing: bool = False


class _Comparison:
    def __init__(self, account: StackAccount, snapshot: Snapshot, place: Place, queries: Queries) -> None:
        self.resources = [one for one in snapshot.resources if one.custom and not one.type.startswith("pulumi:")]
        self.read: dict[str, _Looked] = {}
        self.refused: dict[str, set[str]] = {}
        self.values = self.unknown_values = 0
        self._account = account
        self._home = account.settings.region
        self._place = place
        self._queries = queries
        self._table = drift_table()
        self._names = RealNames(snapshot, account.id)
        self._tagged = find_tagged(account, dict.fromkeys(self._regions(), ()))
        self._arns: dict[str, str] = {}
        self._candidates: dict[str, list[str]] = {}
        for resource in self.resources:
            self._identify(resource)

    def _regions(self) -> set[str]:
        everywhere = partition_of(self._home).global_region
        return {self._region(one) for one in self.resources} | {self._home} | ({everywhere} if everywhere else set())

    def _region(self, resource: Resource) -> str:
        return str(resource.inputs.get("region") or self._home)

    def _identify(self, resource: Resource) -> None:
        """Find what a resource may be by its tags. Where several bear the same, as what is replaced and not yet gone from the list, or the
        two ends of an opening, reading them tells which it is."""
        kind, name = self._kind(resource), tag_of(resource)
        if kind is None or name is None:
            return
        found = self._candidates[resource.urn] = self._tagged.arns(kind, name)
        if len(found) == 1:
            self._is(resource, found[0])

    def _is(self, resource: Resource, arn: str) -> None:
        self._arns[resource.urn] = arn
        _learn_arn(self._names, resource, arn)

    def _kind(self, resource: Resource) -> str | None:
        """Return the kind of ARN by which a resource is listed; None where no account lists it so."""
        row = self._table.types.get(resource.type)
        if row and (row.tags or resource.type == "aws:autoscaling/group:Group"):
            return None
        made_up = resource.outputs.get("arn")
        if row and row.kind:
            return row.kind
        return kind_of(made_up) if isinstance(made_up, str) and made_up.count(":") >= 5 else None

    def read_all(self) -> None:
        """Read each resource as soon as it is known what AWS calls it: many are found by what is read of others."""
        waiting = [one for one in self.resources if one.type in self._table.types]
        while waiting:
            ready = [one for one in waiting if self._can_be_asked(one)]
            if not ready:
                break
            self._queries.all_of(self._look, ready)
            for resource in ready:
                self._learn(resource)
            waiting = [one for one in waiting if one not in ready]
        self._waiting = waiting

    def _placeholders(self, resource: Resource, names: RealNames | None = None, **more: str) -> Placeholders:
        platform = self._account.settings.platform
        known = {"platform": platform.name, "stage": platform.stage, "account": self._account.id}
        return Placeholders(resource, names or self._names, known | more)

    def _can_be_asked(self, resource: Resource) -> bool:
        several = self._candidates.get(resource.urn, ())
        words = self._placeholders(resource, self._assuming(resource, several[-1]) if several else None, found="")
        try:
            for read in self._table.types[resource.type].reads:
                for call in (read.first, read.call):
                    if call:
                        words.arguments(call)
                        words.item(call)
        except UnknownValueError:
            return False
        return True

    def _assuming(self, resource: Resource, arn: str) -> RealNames:
        """Return the account's words as they would be where a resource has this ARN."""
        names = self._names.copy()
        _learn_arn(names, resource, arn)
        return names

    def _look(self, resource: Resource) -> None:
        several = self._candidates.get(resource.urn, [])
        if len(several) < 2:
            self._look_at(resource)
            return
        for arn in reversed(several):
            is_there = self._look_at(resource, self._assuming(resource, arn))
            if is_there:
                self._is(resource, arn)
            if is_there is not False:
                return

    def _look_at(self, resource: Resource, names: RealNames | None = None) -> bool | None:
        """Ask about a resource, and tell whether it is there; None where nobody says so."""
        row = self._table.types[resource.type]
        looked = _Looked([], ())
        words = self._placeholders(resource, names)
        try:
            for read in row.reads:
                found, item = self._item(resource, row, read, words)
                looked.items.append(item)
                looked.found = found or looked.found
        except NotFoundError:
            # What the first read finds is there, and a part of it may not be.
            looked.missing = not looked.items
            looked.items += [{}] * (len(row.reads) - len(looked.items))
        except UnreachableError:
            raise
        except OperationError as error:
            self.refused.setdefault(str(error), set()).add(resource.type)
            return None
        looked.used = tuple(words.used)
        self.read[resource.urn] = looked
        return not looked.missing

    def _item(self, resource: Resource, row: ComparedType, read: Read, words: Placeholders) -> tuple[str | None, Any]:
        """Return the name under which a read found a resource, where it had to look for one, and what it says; NotFoundError where it finds
        none."""
        region = self._region(resource)
        if read.first is None:
            item = searched(words.item(read.call), self._queries.ask(read.call, words.arguments(read.call), region))
            if read.named is not None:
                item = next((one for one in item or () if self._bears(resource, searched(read.named, one))), None)
            if item is None:
                raise NotFoundError(resource.name)
            return None, item
        names = searched(words.item(read.first), self._queries.ask(read.first, words.arguments(read.first), region))
        fits = [names] if isinstance(names, str) else [one for one in names or () if self._bears(resource, one)]
        for name in fits:
            with_name = self._placeholders(resource, words.names, found=name)
            answer = self._queries.ask(read.call, with_name.arguments(read.call), region)
            item = searched(with_name.item(read.call), answer)
            if item is not None and (row.tags is None or self._is_own(searched(row.tags, item))):
                words.used += with_name.used
                return name, item
        raise NotFoundError(resource.name)

    def _bears(self, resource: Resource, name: Any) -> bool:
        chosen = resource.inputs.get("name")
        return isinstance(name, str) and (name == chosen if chosen else bears_name(resource.name, name))

    def _is_own(self, tags: Any) -> bool:
        platform = self._account.settings.platform
        found = {tag["Key"]: tag["Value"] for tag in tags or ()}
        return (found.get("platform"), found.get("stage")) == (platform.name, platform.stage)

    def _learn(self, resource: Resource) -> None:
        looked = self.read.get(resource.urn)
        if looked is None or looked.missing:
            return
        for output, where in self._table.types[resource.type].learn.items():
            real = looked.found if where == "$found" else searched(where, looked.items[0])
            self._names.learn(resource.outputs.get(output), real)

    # What is told of it.

    def findings(self) -> Iterator[DriftFinding]:
        """Yield what differs, resource by resource."""
        for resource in self.resources:
            if resource.type not in self._table.types:
                continue
            looked = self.read.get(resource.urn)
            if looked is None:
                if resource in self._waiting and self._is_gone(resource):
                    yield self._finding(DriftKind.MISSING, resource)
            elif looked.missing:
                yield self._finding(DriftKind.MISSING, resource)
            else:
                values = (*self._differing(resource, looked), *self._tags(resource, looked))
                if values:
                    yield self._finding(DriftKind.CHANGED, resource, values=values)
                yield from self._inside(resource)

    def _is_gone(self, resource: Resource) -> bool:
        """Tell whether a resource that could not be asked about is not there: accounts list what bears tags."""
        return self._kind(resource) is not None and tag_of(resource) is not None and resource.urn not in self._arns

    def _finding(self, kind: DriftKind, resource: Resource, **more: Any) -> DriftFinding:
        looked = self.read.get(resource.urn)
        arn = self._arns.get(resource.urn, "")
        tail = arn.rpartition("/")[2].rpartition(":")[2]
        used = (*(looked.used if looked else ()), tail, looked.found if looked and looked.found else "")
        return DriftFinding(
            kind,
            resource.name,
            resource.type,
            self._place(resource),
            identity=arn,
            looked_up=tuple(dict.fromkeys(name.rpartition("/")[2] if "://" in name else name for name in used if name)),
            region=self._region(resource),
            **more,
        )

    def _differing(self, resource: Resource, looked: _Looked) -> Iterator[ChangedValue]:
        row = self._table.types[resource.type]
        ignored = (*(resource.options.get("ignoreChanges") or ()), *row.by_hand)
        for read, item in zip(row.reads, looked.items, strict=True):
            for name, where in read.compare.items():
                root = name.split(".")[0].split("[")[0]
                if root in ignored or name in ignored:
                    continue
                if (declared := self._declared(resource, row, name)) is None:
                    continue
                found = searched(where, item)
                self.values += 1
                if name in row.begins and str(found or "").startswith(f"{declared}."):
                    continue
                if not same(declared, found):
                    yield ChangedValue(name, declared, found, hidden=name in row.hidden)

    def _declared(self, resource: Resource, row: ComparedType, name: str) -> Any:
        try:
            # Only what is compared is to be known.
            declared = self._names.of(searched(name, resource.inputs))
        except (UnknownValueError, jmespath.exceptions.JMESPathError):
            self.unknown_values += 1
            return None
        return row.unsaid.get(name) if declared is None else declared

    def _tags(self, resource: Resource, looked: _Looked) -> Iterator[ChangedValue]:
        declared = resource.inputs.get("tags")
        row = self._table.types[resource.type]
        if not isinstance(declared, Mapping):
            return
        if row.tags:
            found = {tag["Key"]: tag["Value"] for tag in searched(row.tags, looked.items[0]) or ()}
        elif self._kind(resource) is not None:
            found = dict(self._tagged.found.get(self._arns.get(resource.urn, ""), {}))
        else:
            return
        for key, value in declared.items():
            self.values += 1
            if found.get(key) != value:
                yield ChangedValue(f"tags.{key}", value, found.get(key))

    def _inside(self, resource: Resource) -> Iterator[DriftFinding]:
        for rule in self._table.inside:
            if rule.of != resource.type:
                continue
            try:
                words = self._placeholders(resource)
                answer = self._queries.ask(rule.call, words.arguments(rule.call), self._region(resource))
                known = self._known(rule)
            except (UnknownValueError, NotFoundError):
                continue
            except UnreachableError:
                raise
            except OperationError as error:
                self.refused.setdefault(str(error), set()).add(resource.type)
                continue
            more = [one for one in searched(rule.call.item, answer) or () if one["key"] not in known]
            if more:
                said = tuple(f"{rule.word} {_sentence(one['says'])}" for one in more)
                found = self._finding(DriftKind.ADDED, resource, says=said)
                yield replace(found, looked_up=(*found.looked_up, *(one["key"] for one in more)))

    def _known(self, rule: InsideRule) -> set[str]:
        keys: set[str] = set()
        for resource in self.resources:
            if (mark := rule.known.get(resource.type)) is None:
                continue
            looked = self.read.get(resource.urn)
            if mark == "$found":
                keys |= {looked.found} if looked and looked.found else set()
                continue
            name = mark.removeprefix("$")
            try:
                keys.add(str(self._names.of(resource.inputs.get(name, resource.outputs.get(name)))))
            except UnknownValueError:
                continue
        return keys

    def unmanaged(self) -> Iterator[DriftFinding]:
        """Yield what bears the stack's tags and is none of its resources."""
        known = set(self._arns.values())
        unmatched = {tag_of(one) for one in self.resources if one.urn not in self._arns} - {None}
        for arn, tags in sorted(self._tagged.found.items()):
            if arn in known or kind_of(arn) in self._table.made_by_what_runs or tags.get("Name") in unmatched:
                continue
            tail = arn.rpartition("/")[2].rpartition(":")[2]
            region = arn.split(":")[3] or self._home
            yield DriftFinding(
                DriftKind.ADDED,
                tags.get("Name") or tail,
                kind_of(arn),
                "",
                identity=arn,
                looked_up=(tail,),
                region=region,
            )

    def not_compared(self) -> dict[str, int]:
        """Return how many resources there are of types that nobody here reads."""
        return dict(Counter(one.type for one in self.resources if one.type not in self._table.types))

    def not_known(self) -> dict[str, int]:
        """Return how many resources could not be found, by type."""
        return dict(Counter(one.type for one in self._waiting if not self._is_gone(one)))


def _learn_arn(names: RealNames, resource: Resource, arn: str) -> None:
    made_up = resource.outputs.get("arn")
    names.learn(made_up or resource.outputs.get("id"), arn if made_up else arn.rpartition("/")[2])


def _sentence(parts: Any) -> str:
    return " ".join(str(one) for one in parts if one not in (None, [], ""))
