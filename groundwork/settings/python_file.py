"""Python that a user wrote beside the stack file: where in it something went wrong, and in which words to say so."""

from __future__ import annotations

import traceback
from pathlib import Path


def line_of(error: BaseException, file: Path) -> str:
    """Return file and line of the innermost line of the file that an error passed through; empty where it passed through none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file.name}:{lines[-1]}" if lines else ""


def reason_of(error: BaseException) -> str:
    """Return what an error says, with its type where its text alone would not do."""
    if isinstance(error, SyntaxError):
        return f"it is no Python: {error.msg}"
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
