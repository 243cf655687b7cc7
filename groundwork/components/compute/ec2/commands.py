"""What may be run on instances from outside: two scripts, each the content of a Systems Manager document of the stack."""

from __future__ import annotations

from pathlib import Path

_SCRIPTS = Path(__file__).parent

NOT_HERE = "groundwork: not here"
"""What a script says where an instance does not run the service or jobs: an exit code could be a job's own."""
BUSY = 75
"""How the program that runs jobs ends where the job runs already; a job's own exit code may be the same."""


def restart_document(slug: str) -> str:
    """Return ``shop-prod-restart``: the document that starts a service on instances anew."""
    return f"{slug}-restart"


def job_document(slug: str) -> str:
    """Return ``shop-prod-job``: the one that runs a job on an instance with another image."""
    return f"{slug}-job"


def script(key: str) -> str:
    """Return the script ``restart`` or ``job``, whose first line says what it does."""
    return (_SCRIPTS / f"{key}.sh").read_text(encoding="utf-8")


def job_script(words: str) -> str:
    """Return the script that runs a job, told by ``words`` what the document tells it: job, image or nothing; and then a command."""
    return script("job").replace("'{{ job }}' '{{ image }}'", words)
