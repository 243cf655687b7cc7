"""What stands before services and buckets, and the ways out."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.capacity.compute import share_of_services
from groundwork.capacity.line import CapacityLine, UndeclaredUsage, kinds, proportional
from groundwork.capacity.load import DeclaredLoad
from groundwork.components.network.addresses import zone_letters
from groundwork.components.services.routes import routes
from groundwork.pricing.demand import BALANCER_UNITS
from groundwork.simulation.scenario import MINUTES

_FREE_RULES = 10
_EVALUATIONS = 1_000
"""A second of one capacity unit, of rules beyond the free ones: https://aws.amazon.com/elasticloadbalancing/pricing/"""
_GBITS = 8.0
_DAYS = 730 / 24
"""Of a month, as AWS bills it."""


def lines(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    """Yield what holds for CloudFront, the load balancer, buckets and NAT gateways."""
    yield from _cdn(load)
    yield from _balancer(load)
    yield from _buckets(load)
    yield from _nat(load)


def _cdn(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    usage, edge = load.usage, load.settings.edge
    if edge is None or edge.cdn is None:
        return
    requests = load.requests + (usage.files or 0.0)
    yield proportional(
        "cdn-requests",
        "",
        load.at_peak(load.visitors * requests),
        kinds()["cdn-requests"].most,
        "AWS's quota",
    )
    if usage.download_mb is None:
        yield UndeclaredUsage("CloudFront's bandwidth", "usage.download_mb")
        return
    gbits = load.at_peak(load.visitors * usage.download_mb) / 1024 * _GBITS
    yield proportional("cdn-bandwidth", "", gbits, kinds()["cdn-bandwidth"].most, "AWS's quota")


def _balancer(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    settings = load.settings
    if not load.public or load.engine == "app-runner" or settings.edge is None:
        return
    if settings.compute and settings.compute.has_one_instance:
        return
    names = {tier.name for tier in load.public}
    targets = sum(settings.most_copies(name) * (2 if settings.services[name].shifts else 1) for name in names)
    yield CapacityLine(
        "targets",
        "",
        targets,
        kinds()["targets"].most,
        "AWS's quota",
        note="with the most copies",
    )
    if load.usage.download_mb is None:
        yield UndeclaredUsage("load balancer's units", "usage.download_mb")
        return
    new, still_open = BALANCER_UNITS["application"]
    rate = load.requests_at_peak
    rules = max(len(routes(settings.services, settings.platform.domain, load.engine)) - _FREE_RULES, 0)
    sockets = load.usage.peak_sockets or (load.usage.sockets or 0) * load.peak * MINUTES
    through = load.at_peak(load.visitors * load.usage.download_mb * share_of_services(load))
    units = {
        "new connections": rate / new,
        "open connections": sockets / still_open,
        "GB an hour": through * 3600 / 1024,
        "rule evaluations": rate * rules / _EVALUATIONS,
    }
    most = max(units, key=lambda name: units[name])
    yield proportional(
        "balancer-units",
        "",
        units[most],
        kinds()["balancer-units"].most,
        "AWS's quota",
        note=f"by {most}",
    )


def _buckets(load: DeclaredLoad) -> Iterator[CapacityLine]:
    usage, storage = load.usage, load.settings.storage
    if usage.uploads and any(bucket.purpose == "media" for bucket in storage.values()):
        yield proportional(
            "bucket-writes",
            "",
            load.at_peak(usage.uploads),
            kinds()["bucket-writes"].most,
            "keys below several prefixes",
        )
    if usage.files and any(bucket.purpose in ("media", "static") for bucket in storage.values()):
        read = load.at_peak(load.visitors * usage.files) * (100 - usage.cached_percent) / 100
        yield proportional(
            "bucket-reads",
            "",
            read,
            kinds()["bucket-reads"].most,
            f"usage.cached_percent ({usage.cached_percent:g})",
        )


def _nat(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    network = load.settings.network
    if network is None or network.existing or network.nat == "none":
        return
    gateways = 1 if network.nat == "single" else len(zone_letters(network, load.settings.region))
    setting = f"network.nat ({network.nat})"
    calling = [tier for tier in load.platform.tiers if tier.work.wait_ms]
    if calling:
        rates = {tier.name: max(load.platform.rates[tier.name]) for tier in calling}
        at_once = sum(rates[tier.name] * tier.work.wait_ms / 1000 for tier in calling)
        yield proportional("nat-connections", "", at_once, kinds()["nat-connections"].most * gateways, setting)
        yield proportional("nat-rate", "", sum(rates.values()), kinds()["nat-rate"].most * gateways, setting)
    else:
        yield UndeclaredUsage("NAT gateways' ports", "usage.services.NAME.wait_ms")
    if load.usage.outbound_gb is None:
        yield UndeclaredUsage("NAT gateways' bandwidth", "usage.outbound_gb")
        return
    gbits = load.at_peak(load.usage.outbound_gb / _DAYS) * _GBITS
    yield proportional("nat-bandwidth", "", gbits, kinds()["nat-bandwidth"].most * gateways, setting)
