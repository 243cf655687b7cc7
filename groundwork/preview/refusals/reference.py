"""Writes ``docs/limits.md``: every limit that a preview holds a stack against.

python -m groundwork.preview.refusals.reference docs/limits.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from groundwork.preview.refusals.addresses import KEPT, SOURCE
from groundwork.preview.refusals.constraints import constraints_of, known_types
from groundwork.preview.refusals.interfaces import PODS, TRUNKING
from groundwork.preview.refusals.offers import as_of, classes_of, known_regions, versioned_engines
from groundwork.preview.refusals.placing import short_type
from groundwork.preview.refusals.quotas import asked_at
from groundwork.preview.terraform.autonames import added_to, name_property
from groundwork.settings.facts import Quota, quotas
from groundwork.settings.mistakes import all_of

_HEAD = """\
# What AWS would refuse

Much fails only at `pulumi up`, an hour in. `groundwork preview STACK` and `groundwork policies check DIR` find it before, in what the
program declares: for a stack file as a mistake at the line that says it, for a program of somebody else's as the finding
`aws-takes-it` ([why so](decisions/0008-aws-models-judge-previews.md), [and](decisions/0047-limits-are-a-table.md)). What is unknown counts as nothing.

This page is generated (`make docs`).

## Amounts

Of the table `groundwork/settings/facts/quotas.yaml`. Where AWS grants more on request, the last column names the quota in
[Service Quotas](https://docs.aws.amazon.com/servicequotas/latest/userguide/request-quota-increase.html): its service and its code. A stack whose account has more says so:
`platform: {quotas: {NAME: MOST}}`; of another program in its stack's configuration, under `groundwork:platform`.

"""
_AMOUNTS = "| name | AWS takes | of | more on request |\n|---|---|---|---|"
_VALUES = """
## Values

`groundwork/preview/refusals/offers.json` has what AWS offers in {regions} regions as of {day}: {classes}, versions of {engines}, Lambda's runtimes
with their ends, and services that some regions are without. It is read of what cfn-lint and botocore ship (`python -m
groundwork.preview.refusals.generate`).

- What exists nowhere, or not in the region, is refused, with the nearest that does: `db.t4g.larg` is none, `db.t4g.large` is. Whoever
  knows better, since AWS may offer it by now, says `platform: {{offered: [db.t4g.medium]}}`.
- What may be newer than the table, a class of a family that it does not have or a version above all that it has, is a note in a preview and
  undetermined in a check.
- Of a region that is newer than the table nothing is said.

Zones are held against the region, versions of Kubernetes against their support."""
_ADDRESSES = f"""
## Addresses

Of each subnet AWS keeps [{KEPT}]({SOURCE}). What is left is held against what stands in the subnets at its most: tasks with one deployment beside
them, instances, nodes with an interface or a prefix of addresses for pods, databases, caches, search, endpoints, and what load balancers
and EKS want free. It is a mistake at `network.cidr` where all of it cannot fit.

Instances are held against the interfaces and addresses of their class: tasks with an interface of their own on a capacity provider of ECS
([trunks]({TRUNKING}) counted in), and pods of the only cluster of a stack, with prefixes or without ([how many]({PODS})). Where the class is not known, or
something else may run them (Fargate, Karpenter, EKS Auto Mode), nothing is said."""
_NAMES = """
## Names

Where a program leaves the name to Pulumi, seven characters and a dash come after the resource's own, and count. Forms, words, lengths
and ranges of {inputs:,} inputs of {types} types come from AWS's own models (`groundwork/preview/refusals/constraints.json`); of names:

| type | input | characters | left for the resource's own name |
|---|---|---|---|"""


def page() -> str:
    """Return the page."""
    constrained = sum(len(constraints_of(type_)) for type_ in known_types())
    return "\n".join(
        (
            _HEAD + _AMOUNTS,
            *map(_amount, quotas()),
            _values(),
            _ADDRESSES,
            _NAMES.format(inputs=constrained, types=len(known_types())),
            *_names(),
            "",
        )
    )


def _values() -> str:
    kinds = {"EC2": "ec2", "ElastiCache": "cache", "OpenSearch": "search", "RDS": "rds"}
    classes = all_of(f"{len(classes_of(kind)):,} classes of {name}" for name, kind in kinds.items())
    engines = all_of(sorted(versioned_engines()))
    return _VALUES.format(regions=len(known_regions()), day=as_of(), classes=classes, engines=engines)


def _amount(quota: Quota) -> str:
    whole = "the account" if quota.counted[0][0].each == "account" else "one resource"
    words = f"{quota.words} {whole}" if quota.words.endswith((" of", " on", " in")) else quota.words
    takes = "; ".join((f"{quota.most:,}", *(f"{most:,} in {region}" for region, most in quota.in_regions.items())))
    return f"| `{quota.name}` | {takes} | [{words}]({quota.source}) | {_more(quota)} |"


def _more(quota: Quota) -> str:
    if quota.unsure:
        return "AWS no longer says: only noted"
    return "no" if quota.hard else asked_at(quota) + (f", up to {quota.up_to:,}" if quota.up_to is not None else "")


def _names() -> Iterator[str]:
    for type_ in sorted(known_types()):
        name = name_property(type_)
        constraint = constraints_of(type_).get(name)
        most = constraint.length[1] if constraint and constraint.length else None
        if most is not None:
            yield f"| `{short_type(type_)}` | `{name}` | {most:,.0f} | {most - len(added_to(type_)):,.0f} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
