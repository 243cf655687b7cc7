"""Runs a Pulumi program of somebody else in that program's own environment, for an engine in another process.

A script of its own: ``PYTHON guest.py TASK``, where TASK is a JSON file of the engine's. It imports nothing but the standard library
and the Pulumi SDK that it finds, of whichever version, under Python 3.9 or newer. How the program ended goes into the file that
the task names as ``outcome``. As the language host does it:
https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python-exec
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
import os
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

RESULT_TYPE = "__groundworkResultType"
"""The argument of a provider's function in which the engine is told what the SDK makes of the answer."""
_MOST_LEVELS = 8
_INVOKES = ("invoke", "invoke_async", "invoke_output", "invoke_single", "invoke_output_single")


def tell_result_types(runtime: Any) -> dict[str, Any]:
    """Make the SDK's ``pulumi.runtime`` say with each call of a provider's function which type its answer gets.

    The engine has no provider that would answer, and the generated classes refuse what is not of their types. Returns what was there
    before, by name.
    """
    before = {name: getattr(runtime, name) for name in _INVOKES if hasattr(runtime, name)}
    for name, invoke in before.items():
        setattr(runtime, name, _telling(invoke))
    return before


def _telling(invoke: Any) -> Any:
    @functools.wraps(invoke)
    def with_result_type(tok: str, props: Any, opts: Any = None, typ: Any = None, *rest: Any, **named: Any) -> Any:
        if typ is not None and isinstance(props, dict):
            props = {**props, RESULT_TYPE: _described(typ)}
        return invoke(tok, props, opts, typ, *rest, **named)

    return with_result_type


@functools.lru_cache(maxsize=None)  # noqa: UP033 - functools.cache is as new as Python 3.9
def _described(typ: Any) -> str:
    return json.dumps(_type(typ, 0))


def _type(typ: Any, level: int) -> Any:
    """Return a type as JSON: a word for a scalar, an object with one key for what holds others."""
    from pulumi import _types  # noqa: PLC0415 - a script that finds no SDK has to say so

    typ = _types.unwrap_optional_type(typ)
    scalar = next((word for kind, word in _SCALARS if isinstance(typ, type) and issubclass(typ, kind)), None)
    if scalar:
        return scalar
    arguments: tuple[Any, ...] = getattr(typ, "__args__", ())
    origin = getattr(getattr(typ, "__origin__", None), "__name__", "")
    if level > _MOST_LEVELS:
        return "any"
    if origin in ("list", "Sequence", "List") and arguments:
        return {"list": _type(arguments[0], level + 1)}
    if origin in ("dict", "Mapping", "Dict") and len(arguments) > 1:
        return {"map": _type(arguments[1], level + 1)}
    if isinstance(typ, type) and _types.is_output_type(typ):
        return {"object": {name: _type(inner, level + 1) for name, inner in _types.output_type_types(typ).items()}}
    return "any"


# A truth value is a whole number too, so it is asked for first.
_SCALARS = ((bool, "truth"), (str, "text"), (int, "whole"), (float, "number"))


def _main(task_file: str) -> None:
    # The first entry is this script's own folder, whose modules must not stand in the program's way.
    sys.path.pop(0)
    with open(task_file, encoding="utf-8") as file:  # noqa: PTH123 - as little as possible is imported
        task = json.load(file)
    outcome = _run(task)
    with open(task["outcome"], "w", encoding="utf-8") as file:  # noqa: PTH123 - as above
        json.dump(outcome, file)


def _run(task: dict[str, Any]) -> dict[str, Any]:
    """Run the program; empty where it ended well, else ``kind``, ``message``, ``place``, ``name`` and ``traceback`` of its error."""
    try:
        import pulumi  # noqa: PLC0415 - it may not be there
    except ImportError as error:
        return {"kind": "NoPulumi", "message": str(error)}
    pulumi.runtime.set_all_config(task["config"], task["secrets"])
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=task["address"],
            engine=task["address"],
            project=task["project"],
            stack=task["stack"],
            parallel=16,
            dry_run=True,
            **_known(pulumi.runtime.Settings, organization="organization", root_directory=task["project_folder"]),
        )
    )
    tell_result_types(pulumi.runtime)
    # Of one error asyncio logs a traceback for every output that waited for it.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    sys.path.insert(0, task["folder"])
    sys.argv = [task["program"]]
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(64))
    passed: list[tuple[BaseException, str]] = []
    loop.set_task_factory(functools.partial(_watched, passed, task["root"]))

    def program() -> None:
        runpy.run_path(task["program"], run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(program))
    except SystemExit as end:
        return {} if not end.code else {"kind": "SystemExit", "message": f"it ended itself with {end.code!r}"}
    except Exception as error:
        place = _place(error, task["root"]) or next((place for one, place in passed if one is error), "")
        return _described_error(error, place)
    return {}


def _watched(passed: list[tuple[BaseException, str]], root: str, loop: Any, coroutine: Any, **facts: Any) -> Any:
    """Wrap a task so that it notes where in the program its error was: awaited twice, as outputs are, a task forgets
    it."""

    async def watched() -> Any:
        try:
            return await coroutine
        except Exception as error:
            place = _place(error, root)
            if place:
                passed.append((error, place))
            raise

    return asyncio.Task(watched(), loop=loop, **facts)


def _known(function: Any, **arguments: Any) -> dict[str, Any]:
    """Return those of the arguments that this version of the SDK takes."""
    return {name: value for name, value in arguments.items() if name in inspect.signature(function).parameters}


def _described_error(error: BaseException, place: str) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "message": " ".join(str(error).split()),
        "place": place,
        "name": getattr(error, "key", None) or getattr(error, "name", None) or "",
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def _place(error: BaseException, root: str) -> str:
    """Return ``file:line`` of the innermost line of the program itself that the error passed through."""

    def own(file: str) -> str:
        relative = os.path.relpath(file, root)
        return "" if relative.startswith("..") or "site-packages" in relative else relative.replace(os.sep, "/")

    if isinstance(error, SyntaxError) and error.filename:
        return f"{own(error.filename) or error.filename}:{error.lineno}"
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = own(trace.tb_frame.f_code.co_filename)
        if file:
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    before = error.__cause__ or error.__context__
    return place or (_place(before, root) if before else "")


if __name__ == "__main__":
    _main(sys.argv[1])
