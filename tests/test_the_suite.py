"""Guards of the suite itself: nothing is silently left out, and its pages are up to date."""

from __future__ import annotations

import re
from pathlib import Path

from tests.requirements import PAGE, page, proofs, rows

TESTS = Path(__file__).parent


def test_every_test_file_is_one_that_pytest_collects() -> None:
    """A file with tests and another name is never run."""
    strays = [
        file.relative_to(TESTS).as_posix()
        for file in TESTS.rglob("*.py")
        if not file.name.startswith("test_")
        and re.search(r"^def test_", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert strays == []


def test_every_row_that_a_test_names_exists() -> None:
    assert set(proofs()) - set(rows()) == set()


def test_the_page_of_requirements_is_up_to_date() -> None:
    """`make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
