"""Running k6, and looking before at where it would go."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import urllib3

from groundwork.operations.errors import OperationError
from groundwork.operations.loadtest.plan import COMES_WITH, LoadPlan

GET_K6 = "k6 is not on the PATH: https://grafana.com/docs/k6/latest/set-up/install-k6/"
_CROSSED = 99
_ABORTED = 108
"""https://grafana.com/docs/k6/latest/using-k6/thresholds/, and k6's own list of exit codes (errext/exitcodes)"""


def look_first(plan: LoadPlan) -> None:
    """Ask each name once, and go nowhere from there. OperationError where it does not answer as the stack's does: DNS may still lead to
    what was there before."""
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=20), retries=False)
    for host in dict.fromkeys(one.host for one in plan.services):
        try:
            said = pool.request("GET", f"{plan.scheme}://{host}/", redirect=False, preload_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise OperationError(f"{host} does not answer: {error}") from error
        said.release_conn()
        if COMES_WITH not in said.headers:
            raise OperationError(
                f"{host} is answered by somebody else than CloudFront: DNS leads elsewhere, and nothing is sent there; groundwork domain "
                f"{plan.stack} says where it leads"
            )


def run_k6(folder: Path) -> bool:
    """Run the test in its folder, and tell whether all thresholds were held. OperationError where k6 is not there or gives up; what it
    says is the terminal's. Ctrl-C ends it as k6 ends, with a summary."""
    k6 = shutil.which("k6")
    if k6 is None:
        raise OperationError(GET_K6)
    (folder / "summary.json").unlink(missing_ok=True)
    with subprocess.Popen([k6, "run", "--no-usage-report", "loadtest.js"], cwd=folder) as process:  # noqa: S603 - k6, by its path
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # It has had the same signal, and sums up.
            code = process.wait()
    if code not in (0, _CROSSED, _ABORTED) and not (folder / "summary.json").exists():
        raise OperationError(f"k6 ended with {code}; what it said stands above")
    return code == 0
