"""Indexes that a PostgreSQL database lacks, and those that nobody uses, by its own statistics.

``psql`` asks, with the variables that it knows (PGHOST, PGSERVICE, PGPASSFILE …): whoever can open it can ask, and no password passes
through here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from groundwork.operations.psql import ask_psql

_LARGE = 10_000
"""Rows from which a table is large enough for an index to matter."""
_OFTEN = 100
"""Sequential scans from which they are no accident."""
_SECONDS = 120
"""For the whole answer; a statement of it has 30."""

# Columns: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW
_QUERY = """
set statement_timeout = '30s';
with scanned as (
  select format('%I.%I', schemaname, relname) as name, seq_scan, coalesce(idx_scan, 0) as idx_scan, n_live_tup
  from pg_stat_user_tables
  where n_live_tup >= :large and seq_scan >= :often and seq_scan > coalesce(idx_scan, 0)
), unused as (
  select format('%I.%I', s.schemaname, s.indexrelname) as name, pg_relation_size(s.indexrelid) as bytes
  from pg_stat_user_indexes s join pg_index i using (indexrelid)
  where s.idx_scan = 0 and not i.indisunique and not i.indisprimary and not i.indisexclusion
    and pg_relation_size(s.indexrelid) > 1048576
), keys as (
  select format('%s (%s)', c.conrelid::regclass, string_agg(quote_ident(a.attname), ', ' order by k.place)) as name
  from pg_constraint c
  join pg_stat_user_tables t on t.relid = c.conrelid and t.n_live_tup >= :large
  cross join lateral unnest(c.conkey) with ordinality as k(number, place)
  join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number
  where c.contype = 'f' and not exists (
    select from pg_index i where i.indrelid = c.conrelid and i.indpred is null
      and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
  )
  group by c.oid, c.conrelid
)
select json_build_object(
  'since', (select stats_reset from pg_stat_database where datname = current_database()),
  'tables', (select count(*) from pg_stat_user_tables),
  'scanned', coalesce((select json_agg(name order by n_live_tup desc) from scanned), '[]'),
  'unused', coalesce((select json_agg(name order by bytes desc) from unused), '[]'),
  'keys', coalesce((select json_agg(name order by name) from keys), '[]'));
"""


@dataclass(frozen=True)
class Indexes:
    """What a database says of its indexes."""

    tables: int
    scanned: tuple[str, ...]
    """Large tables that are read whole more often than by an index."""
    keys: tuple[str, ...]
    """Foreign keys of large tables without an index: a delete of what they point to reads the table whole."""
    unused: tuple[str, ...]
    """Indexes of more than a mebibyte that no query has used since the statistics began, which only slow writes down."""


def ask_indexes() -> Indexes:
    """Ask the database that ``psql`` opens. OperationError where it does not."""
    said = ask_psql(_QUERY, {"large": _LARGE, "often": _OFTEN}, seconds=_SECONDS)
    found: dict[str, Any] = json.loads(said)
    return Indexes(found["tables"], *(tuple(found[key]) for key in ("scanned", "keys", "unused")))
