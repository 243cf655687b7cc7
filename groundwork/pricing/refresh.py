"""Read prices first hand: AWS's offer files of a region, service by service, for the rows that a price book has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from groundwork.pricing.download import DownloadError, NotThereError, PriceList
from groundwork.pricing.offers import OfferError, OfferFile
from groundwork.pricing.selecting import Selection, Wanted, select

WORLDWIDE = ("AmazonCloudFront", "AmazonRoute53")
"""Services whose prices stand in no region's file, but in that of all regions."""


class Ending(StrEnum):
    """How reading one service's file ended."""

    READ = "read"
    UNCHANGED = "unchanged"
    """It still is the file that was read last time."""
    ABSENT = "absent"
    """AWS has no prices of the service in the region: it is not there."""
    FAILED = "failed"


@dataclass(frozen=True)
class RefreshOutcome:
    """What one service's offer file gave. Where it failed there is no selection, and what was known before holds on."""

    service: str
    ending: Ending
    selection: Selection = field(default_factory=Selection)
    published: date | None = None
    etag: str = ""
    reason: str = ""
    """Why it failed or is absent."""

    @property
    def reason_to_look(self) -> bool:
        """Tell whether something of it could not be read."""
        return self.ending is Ending.FAILED or bool(self.selection.problems)


def path_of(service: str, region: str) -> str:
    """Return where a service's offer file is in the price list."""
    place = "" if service in WORLDWIDE else f"{region}/"
    return f"/offers/v1.0/aws/{service}/current/{place}index.csv"


def read_region(
    price_list: PriceList, region: str, wanted: Iterable[Wanted], etags: Mapping[str, str] | None = None
) -> Iterator[RefreshOutcome]:
    """Read the files of a region one after another, each in constant memory; a failure of one leaves the others as they are.

    ``etags`` has, by service, the version that is known; it is not read again.
    """
    by_service: dict[str, list[Wanted]] = {}
    for one in wanted:
        by_service.setdefault(one.service, []).append(one)
    for service, rows in sorted(by_service.items()):
        yield _read(price_list, service, region, rows, (etags or {}).get(service, ""))


def _read(price_list: PriceList, service: str, region: str, rows: list[Wanted], etag: str) -> RefreshOutcome:
    path = path_of(service, region)
    try:
        with price_list.open(path, etag=etag) as opened:
            if opened is None:
                return RefreshOutcome(service, Ending.UNCHANGED, etag=etag)
            file = OfferFile(opened.body, f"{price_list.base}{path}", service)
            selection = select(file.prices(region), rows, "" if service in WORLDWIDE else region)
            return RefreshOutcome(service, Ending.READ, selection, file.heading.published, opened.etag)
    except NotThereError as error:
        return RefreshOutcome(service, Ending.ABSENT, reason=str(error))
    except (DownloadError, OfferError) as error:
        return RefreshOutcome(service, Ending.FAILED, reason=str(error))
