"""Processes that begin with the SDK loaded."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext


def forking() -> ForkServerContext:
    """Return what starts processes that are forked from one which has loaded a thousand modules and run nothing: loading them takes longer
    than most programs. There is one such process for each test process, whoever asks first."""
    apart = multiprocessing.get_context("forkserver")
    apart.set_forkserver_preload(["tests.host", "groundwork.components.platform.platform", "pulumi_policy"])
    return apart
