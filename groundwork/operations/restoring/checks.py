"""What is asked of a restored database: whether it answers, what is in it, how new the newest row is, and what its owner wants to know."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundwork.operations.durations import lasting
from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.psql import ask_psql

_EXACT_BYTES = 268_435_456
"""Tables up to this size are counted row by row; of larger ones the statistics tell. A fresh copy reads each block from S3 first:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html"""
_MOST_TABLES = 500
_SECONDS_TO_LOG_IN = 600
_SECONDS_BETWEEN = 10
_SECONDS = 900
_SHOWN = 200
"""Characters of an answer."""

# A moment that is a column of a large table costs a walk through it, unless an index begins with it.
_TABLES = """
select coalesce(json_agg(t), '[]') from (
  select format('%I.%I', n.nspname, c.relname) as name, pg_table_size(c.oid) as bytes,
    greatest(c.reltuples, 0)::bigint as about,
    has_table_privilege(c.oid, 'select') as readable,
    coalesce((
      select json_agg(json_build_array(quote_ident(a.attname), a.atttypid = 'timestamptz'::regtype) order by a.attnum)
      from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('timestamp'::regtype, 'timestamptz'::regtype)
        and (pg_table_size(c.oid) <= :exact or exists (
          select from pg_index i where i.indrelid = c.oid and i.indpred is null and i.indkey[0] = a.attnum))
    ), '[]') as times
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and c.relpersistence = 'p'
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
  order by bytes desc limit :most) t;
"""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool | None
    """None where nobody can know."""
    says: str

    def to_json(self) -> dict[str, Any]:
        """Return it for a report."""
        return {"name": self.name, "passed": self.passed, "says": self.says}


@dataclass(frozen=True)
class Table:
    """A table of a copy."""

    name: str
    rows: int
    exact: bool
    """The rows were counted; else the statistics say so."""
    newest: datetime.datetime | None = None
    column: str = ""
    """Which says ``newest``."""

    def to_json(self) -> dict[str, Any]:
        """Return it for a report."""
        newest = self.newest.isoformat() if self.newest else None
        return {"name": self.name, "rows": self.rows, "exact": self.exact, "newest": newest, "column": self.column}


def wait_until_it_answers(environment: Mapping[str, str], progress: Progress) -> None:
    """Wait until a copy takes its new password, which takes RDS a moment. OperationError where it does not."""

    def look() -> Pending | None:
        try:
            ask_psql("select 1;", {}, environment=environment, seconds=30)
        except OperationError as error:
            return Pending(f"it does not answer yet: {str(error)[:_SHOWN]}", str(error))
        return None

    progress.wait_for(look, seconds=_SECONDS_TO_LOG_IN, every=_SECONDS_BETWEEN)


def look_into(
    environment: Mapping[str, str], query: str | None, at: datetime.datetime, say: Callable[[str], None]
) -> tuple[list[Check], list[Table]]:
    """Return what a copy says of itself, and its tables. ``at``: the moment whose data it should have. ``query`` passes where the first value
    that it answers is neither nothing, ``f`` nor ``0``; the answer itself is said and kept nowhere."""
    say("counting rows")
    found = json.loads(
        ask_psql(
            f"set statement_timeout = '5min';{_TABLES}",
            {"exact": _EXACT_BYTES, "most": _MOST_TABLES},
            environment=environment,
            seconds=_SECONDS,
        )
    )
    tables = _counted(found, environment)
    rows = sum(one.rows for one in tables)
    checks = [
        Check("tables", bool(tables), f"{len(tables)} tables" if tables else "there is no table in it"),
        Check("rows", rows > 0, f"{rows:,} rows" + ("" if all(one.exact for one in tables) else ", about")),
        _newest(tables, at),
    ]
    if query is not None:
        say("asking what you ask")
        checks.append(_asked(query, environment, say))
    return checks, tables


def _counted(found: Sequence[Mapping[str, Any]], environment: Mapping[str, str]) -> list[Table]:
    """Count rows, and look for the newest, in one statement."""
    parts: list[str] = []
    for number, one in enumerate(found):
        if not one["readable"]:
            continue
        if one["bytes"] <= _EXACT_BYTES:
            rows = f"(select count(*) from {one['name']})"  # noqa: S608 - the database quoted the name
            parts.append(f"select {number} as t, -1 as c, {rows} as rows, null::timestamptz as at")
        for place, (column, zoned) in enumerate(one["times"]):
            # What is in the future is planned, and not written then.
            utc = "" if zoned else " at time zone 'utc'"
            newest = f"(select max({column}) from {one['name']} where {column} <= now(){utc}){utc}"  # noqa: S608 - as above
            parts.append(f"select {number}, {place}, null::bigint, {newest}")
    said: list[Any] = []
    if parts:
        query = f"set statement_timeout = '10min'; select json_agg(r) from ({' union all '.join(parts)}) r;"  # noqa: S608 - as above
        said = json.loads(ask_psql(query, {}, environment=environment, seconds=_SECONDS))
    return [_table(number, one, [row for row in said if row["t"] == number]) for number, one in enumerate(found)]


def _table(number: int, one: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Table:
    counted = next((row["rows"] for row in rows if row["c"] == -1), None)
    times = [(datetime.datetime.fromisoformat(row["at"]), one["times"][row["c"]][0]) for row in rows if row["at"]]
    newest, column = max(times, default=(None, ""))
    return Table(one["name"], one["about"] if counted is None else counted, counted is not None, newest, column)


def _newest(tables: Sequence[Table], at: datetime.datetime) -> Check:
    found = [(one.newest, one) for one in tables if one.newest]
    if not found:
        return Check("newest row", None, "no table has a column with a time; ask what you want to know: --query")
    newest, table = max(found, key=lambda pair: pair[0])
    older = lasting(newest, at)
    return Check(
        "newest row",
        True,
        f"{newest:%Y-%m-%d %H:%M:%S} UTC, in {table.name}.{table.column}, {older} before the moment that was restored",
    )


def _asked(query: str, environment: Mapping[str, str], say: Callable[[str], None]) -> Check:
    try:
        wanted = f"set statement_timeout = '10min';\n{query.rstrip().rstrip(';')};"
        said = ask_psql(wanted, {}, environment=environment, seconds=_SECONDS).strip()
    except OperationError as error:
        return Check("query", False, str(error)[:_SHOWN])
    first = said.partition("\n")[0].partition("|")[0]
    say(f"your query answers {' / '.join(said.splitlines())[:_SHOWN] or 'nothing'}")
    return Check(
        "query",
        first not in ("", "f", "0"),
        "it is answered" if first not in ("", "f", "0") else f"it answers {first or 'nothing'}",
    )
