"""What the web ACL refuses by number, in words: an upload that is too large should surprise nobody."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.edge.settings import BALANCER_BODY_KB, WafRate, WafSettings
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.mistakes import all_of

_ACL = "aws:wafv2/webAcl:WebAcl"


def waf_limits(snapshot: Snapshot) -> list[str]:
    """Return a sentence for requests and one for bodies; empty where there is no web ACL."""
    said = (snapshot.settings.get("edge") or {}).get("waf")
    if said is None or not snapshot.of_type(_ACL):
        return []
    waf = WafSettings.model_validate(said)
    verb = "refuses" if waf.mode == "block" else "counts, and lets pass,"
    bodies = f"{verb} {_bodies(waf)}" if waf.body_limits else "refuses no body for its size"
    return [f"The web ACL {verb} {_requests(waf)}.", f"The web ACL {bodies}."]


def _requests(waf: WafSettings) -> str:
    rates = [f"{waf.rate_limit:,} in 5 minutes to services", *(_rate(rate) for rate in waf.rates.values())]
    return f"requests of an address above {all_of(rates)}"


def _rate(rate: WafRate) -> str:
    within = "a minute" if rate.seconds == 60 else f"{rate.seconds // 60} minutes"
    return f"{rate.limit:,} in {within} under {rate.path}"


def _bodies(waf: WafSettings) -> str:
    limits = all_of(f"{size} KB under {path}" for path, size in waf.body_limits.items())
    return f"bodies above {limits}{''.join(_but(waf))}"


def _but(waf: WafSettings) -> Iterator[str]:
    if waf.upload_paths:
        yield f", but not under {all_of(waf.upload_paths)}"
    if any(size > BALANCER_BODY_KB for size in waf.body_limits.values()):
        yield f" (a load balancer's knows only limits up to {BALANCER_BODY_KB} KB)"
