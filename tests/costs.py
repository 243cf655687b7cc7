"""The cost tables in the examples' READMEs, made from the estimator and ``tests/costs.yaml`` (``make docs``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from groundwork.cli.cost import estimated
from groundwork.pricing.book import Book, read_book
from groundwork.pricing.estimate import Estimate, Line, Priced, charges
from groundwork.pricing.free_tier import always, saved
from groundwork.settings.data_file import read_data
from tests.stacks import ROOT, snapshot_of

BEGIN, END = "<!-- cost: made by make docs from tests/costs.yaml -->", "<!-- cost: end -->"
WORDS: dict[str, Any] = read_data(Path(__file__).with_name("costs.yaml"))
EXAMPLES: dict[str, dict[str, Any]] = WORDS["examples"]
GROUPS: dict[str, dict[str, str]] = {name: row for rows in WORDS["sections"].values() for name, row in rows.items()}

_BY_TYPE: tuple[tuple[str, str, str], ...] = (
    ("services", "aws:ecs/service:Service", "*"),
    ("services", "aws:autoscaling/group:Group", "*"),
    ("services", "aws:eks/nodeGroup:NodeGroup", "*"),
    ("services", "aws:ebs/volume:Volume", "*"),
    ("cluster", "aws:eks/cluster:Cluster", "*"),
    ("database", "aws:rds/instance:Instance", "*-primary"),
    ("readers", "aws:rds/instance:Instance", "*-reader-*"),
    ("readers", "aws:route53/*", "*-database-reader*"),
    ("proxy", "aws:rds/proxy:Proxy", "*"),
    ("cache", "aws:elasticache/*", "*"),
    ("search", "aws:opensearch/*", "*"),
    ("migration", "aws:dms/*", "*"),
    ("balancer", "aws:lb/*", "*"),
    ("nat", "aws:ec2/*", "*-network-nat-a"),
    ("more_nat", "aws:ec2/*", "*-network-nat-?"),
    ("address", "aws:ec2/eip:Eip", "*"),
    ("endpoints", "aws:ec2/vpcEndpoint:VpcEndpoint", "*"),
    ("zone", "aws:route53/zone:Zone", "*"),
    ("cdn_acl", "aws:wafv2/*", "*-cdn-*"),
    ("regional_acl", "aws:wafv2/*", "*-ingress-*"),
    ("keys", "aws:kms/*", "*"),
    ("secrets", "aws:secretsmanager/*", "*"),
    ("alarms", "aws:cloudwatch/*Alarm:*", "*"),
    ("dashboards", "aws:cloudwatch/dashboard:Dashboard", "*"),
    ("metrics", "aws:cloudwatch/logMetricFilter:LogMetricFilter", "*"),
    ("outside", "aws:route53/healthCheck:HealthCheck", "*"),
)  # fmt: skip


def grouped(stack: str) -> tuple[Estimate, dict[str, Decimal]]:
    """An estimate, and US dollars of its month by group, what depends on use left out. KeyError for a line that is in no
    group."""
    snapshot = snapshot_of(stack)
    found, book = estimated(snapshot, None, None, None), read_book(snapshot.region)
    sums: dict[str, Decimal] = {}
    by_urn = snapshot.by_urn()
    for resource in found.resources:
        for line in resource.lines:
            if not line.usage and line.monthly:
                for group, amount in _parts(resource, line, by_urn[resource.urn].inputs, book):
                    sums[group] = sums.get(group, Decimal(0)) + amount
    return found, sums


def _parts(resource: Priced, line: Line, inputs: Mapping[str, Any], book: Book) -> Iterator[tuple[str, Decimal]]:
    """What a line is for: of a database in two zones the standby is what one zone would not cost."""
    assert line.monthly is not None
    meter, group = line.listed.meter, _group(resource, line)
    if group == "database" and "Multi-AZ" in meter.usage_type:
        alone = meter.usage_type.replace("Multi-AZUsage", "InstanceUsage").replace("RDS:Multi-AZ-", "RDS:")
        single = book.find(meter.service, alone, meter.variant)
        assert single
        assert line.quantity is not None
        yield group, single.monthly(line.quantity)
        yield "standby", line.monthly - single.monthly(line.quantity)
    elif group == "cache":
        shards = int(inputs.get("numNodeGroups") or 1)
        nodes = int(inputs.get("numCacheClusters") or shards * (1 + int(inputs.get("replicasPerNodeGroup") or 0)))
        yield group, line.monthly * shards / nodes
        yield "cache_replicas", line.monthly * (nodes - shards) / nodes
    else:
        yield group, line.monthly


def _group(resource: Priced, line: Line) -> str:
    if line.listed.meter.usage_type == "CW:MetricMonitorUsage":
        return "metrics"
    for group, type_, name in _BY_TYPE:
        if fnmatchcase(resource.type, type_) and fnmatchcase(resource.name, name):
            return group
    raise KeyError(f"{resource.type} {resource.name} is in no group of tests/costs.py")


def table(example: str) -> str:
    """The table of an example, line by line."""
    words = EXAMPLES[example]
    months = {column: grouped(stack) for column, stack in words["columns"].items()}
    columns = list(months)
    lines = [f"| USD a month | {' | '.join(columns)} | asked by | for less |", f"|---|{'---:|' * len(columns)}---|---|"]
    for section, groups in WORDS["sections"].items():
        in_section = [name for name in groups if any(sums.get(name) for _, sums in months.values())]
        for name in in_section:
            cells = [_cell(sums.get(name)) for _, sums in months.values()]
            asked_by = words["rows"].get(name, "–")
            less = words.get("less", {}).get(name, groups[name]["less"])
            lines.append(f"| {groups[name]['is']} | {' | '.join(cells)} | {asked_by} | {less} |")
        totals = [sum((sums.get(name, Decimal(0)) for name in in_section), Decimal(0)) for _, sums in months.values()]
        lines.append(_bold(section, [f"{total:,.2f}" for total in totals]))
    lines.append(_plain("by use, as far as it is told", _each(months, lambda found: f"{found.usage:,.2f}")))
    lines.append(_bold("in all", _each(months, lambda found: f"{found.fixed + found.usage:,.2f}")))
    if "also" in words:
        rate, currency = Decimal(words["also"]["rate"]), words["also"]["currency"]
        lines.append(
            _bold(f"in {currency} at {rate}", _each(months, lambda found: f"{(found.fixed + found.usage) * rate:,.0f}"))
        )
    lines.append(_plain("free in every account", _each(months, lambda found: f"−{_always_free(found):,.2f}")))
    lines.append(_plain("with the most copies", _each(months, lambda found: f"{found.most:,.2f}")))
    if "asked" in words:
        asked = [words["asked"].get(column) for column in columns]
        lines.append(_bold("asked", [one or "–" for one in asked]))
    return "\n".join(lines)


def _always_free(found: Estimate) -> Decimal:
    return saved(charges(found), always())


def _each(months: Mapping[str, tuple[Estimate, dict[str, Decimal]]], shown: Callable[[Estimate], str]) -> list[str]:
    return [shown(found) for found, _ in months.values()]


def _cell(amount: Decimal | None) -> str:
    return f"{amount:,.2f}" if amount else "–"


def _bold(label: str, cells: list[str]) -> str:
    return f"| **{label}** | {' | '.join(f'**{cell}**' for cell in cells)} | | |"


def _plain(label: str, cells: list[str]) -> str:
    return f"| {label} | {' | '.join(cells)} | | |"


def unpriced(example: str) -> str:
    """What of an example has no price, in a sentence; empty where everything has."""
    whys = {
        one.why.rpartition("price of ")[2]
        for stack in EXAMPLES[example]["columns"].values()
        for one in estimated(snapshot_of(stack), None, None, None).unpriced
    }
    return f"Without a price in the book, and so in no figure: {', '.join(sorted(whys))}." if whys else ""


def readme(example: str) -> Path:
    """Its page."""
    return ROOT / "examples" / example / "README.md"


def within(text: str, example: str) -> str:
    """A README with its table made anew."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    made = "\n\n".join(filter(None, (table(example), unpriced(example))))
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


if __name__ == "__main__":
    for known in EXAMPLES:
        readme(known).write_text(within(readme(known).read_text(encoding="utf-8"), known), encoding="utf-8")
