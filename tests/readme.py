"""Writes the numbers in the README's sample of a preview anew (``make docs``)."""

from __future__ import annotations

import contextlib
import io
import re

from groundwork.cli.main import run
from tests.stacks import ROOT

README = ROOT / "README.md"
_COUNTED = (r"^    \+ \d+ to create$", r"^    \d+ rules judged \d+ resources \([\d,]+ checks\): .* findings$")


def counted(readme: str, printed: str) -> str:
    """The README with the lines of a preview that only count."""
    for pattern in _COUNTED:
        now = re.search(pattern, printed, re.MULTILINE)
        if now:
            readme = re.sub(pattern, now[0], readme, count=1, flags=re.MULTILINE)
    return readme


if __name__ == "__main__":
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run(["preview", "dev"])
    README.write_text(counted(README.read_text(encoding="utf-8"), out.getvalue()), encoding="utf-8")
