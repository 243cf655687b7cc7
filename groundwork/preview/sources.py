"""Where in the program a resource is declared, found in a tenth of the time that the SDK takes.

The SDK gathers the whole call stack of every resource, with the text of each line. One frame of it is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pulumi.runtime import resource as sdk
from pulumi.runtime.proto import source_pb2

_OURS = ("/components/base.py",)
"""Files through which every component's declaration passes, and which say nothing about it."""


@contextmanager
def short_traces(root: Path) -> Iterator[None]:
    """Limit what the SDK is told within this to the declaring frame."""
    whole = sdk._get_stack_trace
    sdk._get_stack_trace = _trace_below(f"{root}/")
    try:
        yield
    finally:
        sdk._get_stack_trace = whole


def _trace_below(root: str) -> Callable[[], source_pb2.StackTrace]:
    installed = f"{root}.venv/"
    uris: dict[str, str] = {}

    def trace() -> source_pb2.StackTrace:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(root) and not file.startswith(installed) and not file.endswith(_OURS):
                if file not in uris:
                    uris[file] = Path(file).as_uri()
                position = source_pb2.SourcePosition(uri=uris[file], line=frame.f_lineno)
                return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=position)])
            frame = frame.f_back
        return source_pb2.StackTrace()

    return trace
