"""Write what AWS's price list said into a region's price book, so that a reader finds the old file or the new one and nothing between."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from groundwork.pricing.book import Book, File, Listed, Meter, Reading, meters, sources
from groundwork.pricing.offers import regions
from groundwork.pricing.refresh import Ending, RefreshOutcome
from groundwork.pricing.selecting import Wanted, digest


def wanted(services: Iterable[str] | None = None) -> list[Wanted]:
    """List what a price book looks for in AWS's price list; ``services`` are all where it is None."""
    chosen = None if services is None else set(services)
    return [
        Wanted(key, meter.service, meter.usage_type, meter.unit, meter.each, meter.variant)
        for key, meter in meters().items()
        if chosen is None or meter.service in chosen
    ]


def known_versions(book: Book) -> dict[str, str]:
    """Return, by service, the version of its offer file that the book has all prices of."""
    return {
        service: file.etag
        for service, file in book.files.items()
        if file.etag and file.asked == digest(wanted([service]))
    }


@dataclass(frozen=True)
class PriceChange:
    """A price that is another one now."""

    meter: Meter
    before: Listed | None
    after: Listed | None
    """None where AWS's price list has it no more."""


def renewed(book: Book, outcomes: Iterable[RefreshOutcome], today: dt.date) -> tuple[Book, list[PriceChange]]:
    """Return a book after what was read, and what changed in it. What could not be read is as it was."""
    files, prices = dict(book.files), dict(book.prices)
    for outcome in outcomes:
        if outcome.ending is Ending.UNCHANGED:
            files[outcome.service] = replace(files[outcome.service], read=today)
        elif outcome.ending is Ending.READ and outcome.published:
            asked = digest(wanted([outcome.service]))
            files[outcome.service] = File(outcome.published, today, outcome.etag, asked)
            for key, meter in meters().items():
                if meter.service == outcome.service:
                    _renew(prices, key, outcome, book.region, today)
    keys = [key for key in meters() if key in prices or key in book.prices]
    changes = [
        PriceChange(meters()[key], book.prices.get(key), prices.get(key))
        for key in keys
        if _tiers(book.prices.get(key)) != _tiers(prices.get(key))
    ]
    return Book(book.region, {key: prices[key] for key in keys if key in prices}, files), changes


def _renew(
    prices: dict[tuple[str, str], Listed], key: tuple[str, str], outcome: RefreshOutcome, region: str, today: dt.date
) -> None:
    tiers = outcome.selection.found.get(key)
    if tiers is not None:
        source = f"AWS's price list, published {outcome.published}"
        prices[key] = Listed(meters()[key], region, tiers, source, today, Reading.FIRST_HAND)
    elif key in prices and prices[key].reading is Reading.FIRST_HAND:
        # The file that it was read from is the newest no more, and the newest does not say it.
        del prices[key]


def _tiers(listed: Listed | None) -> object:
    return listed.tiers if listed else None


def text_of(book: Book) -> str:
    """Return a region's file: what was read first hand, and beside it what is known second hand; what is assumed is not
    written."""
    keys = {words: key for key, words in sources().items()}
    lines = [
        f"# List prices in {regions()[book.region]['name']}: US dollars, on demand, before tax. docs/pricing.md says how they are read anew.",
        "",
    ]
    if book.files:
        lines.append("files:")
        for service, file in sorted(book.files.items()):
            # JSON's text is YAML's too, whatever a server put into it.
            etag = json.dumps(file.etag)
            facts = f"published: {file.published}, read: {file.read}, etag: {etag}, asked: {json.dumps(file.asked)}"
            lines.append(f"  {service}: {{{facts}}}")
    service = ""
    for (of_service, name), listed in book.prices.items():
        if listed.reading is Reading.ASSUMED:
            continue
        if of_service != service:
            service = of_service
            lines.append(f"{service}:")
        lines.append(f"  {_key(name)}: {{{', '.join(_facts(listed, keys))}}}")
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z][\w.-]*", name) else json.dumps(name)


def _facts(listed: Listed, keys: Mapping[str, str]) -> Iterator[str]:
    if len(listed.tiers) == 1:
        yield f"price: {listed.tiers[0][1].normalize():f}"
    else:
        yield f"tiers: {{{', '.join(f'{start.normalize():f}: {price.normalize():f}' for start, price in listed.tiers)}}}"
    if listed.reading is Reading.SECOND_HAND:
        yield f"source: {keys[listed.source]}"
        yield f"date: {listed.date}"


def write_atomically(file: Path, text: str) -> None:
    """Put a text in a file's place at once. Raises OSError, and then the file is as it was."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp's own mode would shut out everybody else who works in the folder.
        Path(name).chmod(file.stat().st_mode if file.exists() else 0o644)
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
