"""``groundwork prices``: what AWS charges, where that is known from, and reading it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Commands, Option
from groundwork.cli.console import FINDINGS, FINE, InputError, OutputError

if TYPE_CHECKING:
    from groundwork.pricing.book import Book, Listed
    from groundwork.pricing.refresh import RefreshOutcome
    from groundwork.pricing.writing import PriceChange

app = Commands("prices", "Show what AWS charges, and read it anew.")

ALL_REGIONS = "all"
Regions = Annotated[
    list[str] | None,
    Option("--region", metavar="REGION", help="Only this region; may be said again. Unset: those that the book has."),
]
Services = Annotated[
    list[str] | None,
    Option(
        "--service",
        metavar="SERVICE",
        help="Only this service of AWS's price list, such as AmazonRDS; may be said again.",
    ),
]
BookFolder = Annotated[
    Path | None,
    Option("--book", metavar="FOLDER", help="A price book of one's own; what it does not have, Groundwork's has."),
]


@app.command("Read AWS's price list anew.")
def refresh(
    *,
    region: Annotated[
        list[str] | None,
        Option(
            "--region",
            metavar="REGION",
            help="This region, or all; may be said again. Unset: those that the book has.",
        ),
    ] = None,
    service: Services = None,
    book: BookFolder = None,
    mirror: Annotated[
        str | None,
        Option("--from", metavar="URL", help="A mirror of https://pricing.us-east-1.amazonaws.com."),
    ] = None,
) -> None:
    """Read AWS's public price list, which needs no account, and write what it says into the price book.

    Files that did not change are not read again. What cannot be read leaves the prices as they were, and ends with 1. EC2's file
    has 350 MB in each region: it is read as it comes, and only the prices that Groundwork uses are kept.
    """
    from groundwork.pricing.download import PRICE_LIST, DownloadError, PriceList

    folder = _folder(book)
    services = _services(service)
    chosen = _regions(region, folder, all_too=True)
    try:
        price_list = PriceList(mirror or PRICE_LIST)
    except DownloadError as error:
        raise InputError(str(error)) from None
    well = [_refresh(price_list, one, services, folder) for one in chosen]
    raise SystemExit(FINE if all(well) else FINDINGS)


def _refresh(price_list: Any, region: str, services: Sequence[str] | None, folder: Path) -> bool:
    """Read one region and say so; whether all of it could be read."""
    import datetime as dt

    from groundwork.pricing.book import Book, read_book
    from groundwork.pricing.offers import regions
    from groundwork.pricing.refresh import read_region
    from groundwork.pricing.writing import known_versions, renewed, text_of, wanted, write_atomically
    from groundwork.settings.mistakes import Mistakes

    today = dt.datetime.now(dt.UTC).date()
    file = folder / f"{region}.yaml"
    print(f"{region}, {regions()[region]['name']}")
    try:
        book = read_book(region, folder)
    except Mistakes:
        print(f"  {file.name} is damaged and is written anew")
        book = Book(region, {}, {})
    changes: list[PriceChange] = []
    well = True
    with console.progress(f"Reading AWS's price list of {region}"):
        for outcome in read_region(price_list, region, wanted(services), known_versions(book)):
            after, changed = renewed(book, [outcome], today)
            if after != book:
                try:
                    write_atomically(file, text_of(after))
                except OSError as error:
                    raise OutputError(
                        f"{file} cannot be written: {error.strerror}; --book FOLDER writes elsewhere"
                    ) from None
            print("\n".join(_outcome_lines(outcome, book)))
            book, well = after, well and not outcome.reason_to_look
            changes += changed
    for change in changes:
        print(_change_told(change))
    return well


def _outcome_lines(outcome: RefreshOutcome, before: Book) -> Iterator[str]:
    from groundwork.pricing.book import meters
    from groundwork.pricing.refresh import Ending

    known = before.files.get(outcome.service)
    stays = f"the prices read on {known.read} stay" if known else "what the book had stays"
    said = {
        Ending.READ: f"{len(outcome.selection.found)} prices, published {outcome.published}",
        Ending.UNCHANGED: f"still as published {known.published if known else ''}".rstrip(),
        Ending.ABSENT: "AWS has no prices of it here",
        Ending.FAILED: f"not read: {outcome.reason}; {stays}",
    }[outcome.ending]
    yield f"  {outcome.service:<20}{said}"
    names = [meter.name for key, meter in meters().items() if meter.service == outcome.service]
    if outcome.ending is Ending.READ:
        found, problems = outcome.selection.found, outcome.selection.problems
        for name in names:
            if (outcome.service, name) in problems:
                yield f"    {name} {problems[outcome.service, name]}; what the book had stays"
        missing = [name for name in names if (outcome.service, name) not in {**found, **problems}]
        if missing:
            yield f"    not in it: {', '.join(missing[:_MOST_NAMED])}{f' and {len(missing) - _MOST_NAMED} more' if len(missing) > _MOST_NAMED else ''}"


_MOST_NAMED = 4


def _change_told(change: PriceChange) -> str:
    name = f"  {change.meter.service} {change.meter.name}"
    if change.after is None:
        return f"{name}: no longer in AWS's price list; it has no price now"
    after = change.after.tiers[0][1]
    if change.before is None:
        return f"{name}: {money(after)} per {change.meter.unit}, had no price"
    before = change.before.tiers[0][1]
    part = f" ({(after - before) / before:+.1%})" if before and before != after else ""
    return f"{name}: {money(before)} → {money(after)} per {change.meter.unit}{part}"


@app.command("Say which prices are old, second hand or assumed.")
def check(
    *,
    region: Regions = None,
    book: BookFolder = None,
    as_json: Annotated[bool, Option("--json", help="As JSON.")] = False,
) -> None:
    """Say which prices are older than 90 days, second hand or assumed, by service, and what mends them. Ends with 1 where any is."""
    import datetime as dt

    from groundwork.pricing.book import read_book
    from groundwork.pricing.checking import doubts

    today = dt.datetime.now(dt.UTC).date()
    folder = _folder(book)
    found = {one: list(doubts(read_book(one, folder), today)) for one in _regions(region, folder)}
    if as_json:
        print(
            json.dumps(
                {
                    one: [{**vars(doubt), "oldest": doubt.oldest.isoformat()} for doubt in rows]
                    for one, rows in found.items()
                },
                indent=2,
            )
        )
    else:
        option = f" --book {book}" if book else ""
        for one, rows in found.items():
            print("\n".join(_check_lines(one, rows, option)))
    raise SystemExit(FINDINGS if any(found.values()) else FINE)


def _check_lines(region: str, rows: Sequence[Any], option: str) -> Iterator[str]:
    from groundwork.pricing.checking import MOST_DAYS

    if not rows:
        yield f"{region}: every price was read from AWS's price list within {MOST_DAYS} days."
        return
    yield region
    yield f"  {'':<20}{'prices':>7}{'second hand':>13}{'assumed':>9}{f'over {MOST_DAYS} days':>14}  oldest"
    for row in rows:
        yield f"  {row.service:<20}{row.prices:>7}{row.second_hand or '':>13}{row.assumed or '':>9}{row.old or '':>14}  {row.oldest}"
    yield f"  All of them are read anew by: groundwork prices refresh --region {region}{option}"


@app.command("Show prices, and where they are known from.")
def show(
    pattern: Annotated[
        str,
        Argument(
            metavar="PATTERN",
            help='Part of a service, a usage type or what it is: AmazonRDS, t4g.micro, "NAT gateway".',
        ),
    ],
    *,
    region: Regions = None,
    book: BookFolder = None,
) -> None:
    """Show the prices whose service, usage type or description has a text in it, with unit, source and date.

    Ends with 1 where the book has none.
    """
    from groundwork.pricing.book import read_book

    folder = _folder(book)
    some = False
    for one in _regions(region, folder):
        prices = [listed for listed in read_book(one, folder).prices.values() if _has(listed, pattern)]
        some = some or bool(prices)
        if prices:
            print("\n".join(_shown(one, prices)))
    if not some:
        console.print_error(f"No price has {pattern!r} in its service, usage type or description.")
    raise SystemExit(FINE if some else FINDINGS)


def _has(listed: Listed, pattern: str) -> bool:
    meter = listed.meter
    return pattern.lower() in f"{meter.service} {meter.name} {meter.about}".lower()


def _shown(region: str, prices: Sequence[Listed]) -> Iterator[str]:
    yield region
    service = ""
    for listed in prices:
        if listed.meter.service != service:
            service = listed.meter.service
            yield f"  {service}"
        first, *further = listed.tiers
        yield f"    {listed.meter.name}: {listed.meter.about}"
        steps = "".join(f", from {start:,.0f} on {money(price)}" for start, price in further)
        yield f"      {money(first[1])} per {listed.meter.unit}{steps}; {listed.reading}, {listed.date}: {listed.source}"


def money(price: Any) -> str:
    """Format US dollars with as many digits as a price has: ``$0.056``, ``$0.0000133334``."""
    whole, _, rest = f"{price.normalize():f}".partition(".")
    return f"${whole}.{rest:0<2}"


def _folder(book: Path | None) -> Path:
    from groundwork.pricing.book import FOLDER

    return book or FOLDER


def _regions(given: Sequence[str] | None, folder: Path, *, all_too: bool = False) -> list[str]:
    from groundwork.pricing.book import FOLDER
    from groundwork.pricing.offers import regions
    from groundwork.settings.mistakes import nearest

    known = regions()
    if not given:
        return [one for one in known if any((place / f"{one}.yaml").is_file() for place in (folder, FOLDER))]
    if all_too and list(given) == [ALL_REGIONS]:
        return list(known)
    for one in given:
        if one not in known:
            raise InputError(f"{one!r} is no region of AWS{nearest(one, known)}; there are {', '.join(known)}")
    return list(given)


def _services(given: Sequence[str] | None) -> list[str] | None:
    from groundwork.pricing.book import meters
    from groundwork.settings.mistakes import nearest

    known = sorted({service for service, _ in meters()})
    for one in given or ():
        if one not in known:
            raise InputError(
                f"{one!r} is no service that prices are used of{nearest(one, known)} They are {', '.join(known)}."
            )
    return list(given) if given else None
