"""Asking a PostgreSQL database by its own client, so that whoever can open it can ask."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from groundwork.operations.errors import OperationError


def psql_program() -> str:
    """Return where psql is. OperationError where it is not installed."""
    found = shutil.which("psql")
    if found is None:
        raise OperationError("psql is not installed, and asks the database; it comes with PostgreSQL's client")
    return found


def ask_psql(
    query: str, variables: Mapping[str, object], *, environment: Mapping[str, str] | None = None, seconds: int = 120
) -> str:
    """Return what a database answers, a row in a line. ``environment`` says which database in libpq's variables; unset, those of this
    process. OperationError with what psql says where it does not answer, within ``seconds`` at most."""
    words = [psql_program(), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"]
    words += ["--set=ON_ERROR_STOP=1", *(f"--set={name}={value}" for name, value in variables.items())]
    try:
        said = subprocess.run(  # noqa: S603 - our own words
            words,
            input=query,
            env={"PGCONNECT_TIMEOUT": "10", **(os.environ if environment is None else environment)},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise OperationError(f"the database has not answered within {seconds} seconds") from None
    if said.returncode != 0:
        raise OperationError(f"psql says: {' '.join(said.stderr.split())}")
    return said.stdout
