"""Questions to an account, several at a time, each asked once, and none after the time is over."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import jmespath

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.drift.names import RealNames, UnknownValueError
from groundwork.operations.drift.table import Call
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.preview.snapshot import Resource

_AT_ONCE = 8
_GONE = re.compile(r"NotFound|NoSuch|NotExist|NonExist|^404$")
"""How services say that something is not there, in the codes of their errors."""
_MARK = re.compile(r"\$(\$|[A-Za-z]+\??)")


class Queries:
    """What an account was asked, and what it said."""

    def __init__(self, account: StackAccount, seconds: float) -> None:
        self._account = account
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._lock = threading.Lock()
        self._said: dict[tuple[str, ...], Future[Any]] = {}

    def all_of(self, look: Callable[[Resource], None], resources: Iterable[Resource]) -> None:
        """Look at several resources at a time, by what asks questions about one."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for done in [pool.submit(look, one) for one in resources]:
                    done.result()
            except BaseException:
                # Nobody answers, or wants to hear the answer.
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def ask(self, call: Call, arguments: Mapping[str, Any], region: str) -> Any:
        """Return an answer, all pages of it. NotFoundError where AWS says that what is asked about is not there; OperationError for what else
        goes wrong, and where the time is over."""
        key = (call.service, call.method, region, json.dumps(arguments, sort_keys=True))
        with self._lock:
            said = self._said.get(key)
            if ours := said is None:
                said = self._said[key] = Future()
            # boto3 makes one client at a time: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html
            client = self._account.client(call.service, region)
        if ours:
            try:
                said.set_result(self._asked(client, call, arguments))
            except BaseException as error:
                # Others wait for the same answer.
                said.set_exception(error)
        return said.result()

    def _asked(self, client: Any, call: Call, arguments: Mapping[str, Any]) -> Any:
        if time.monotonic() > self._until:
            raise OperationError(f"not asked, as {self._seconds:.0f} seconds were over")
        with plain_errors(f"reading with {call.action}"):
            try:
                if client.can_paginate(call.method):
                    return client.get_paginator(call.method).paginate(**arguments).build_full_result()
                return getattr(client, call.method)(**arguments)
            except botocore.exceptions.ClientError as error:
                if _GONE.search(code_of(error)):
                    raise NotFoundError(code_of(error)) from error
                raise


class Placeholders:
    """What the marks of a call (``$arn``) stand for, of one resource."""

    def __init__(self, resource: Resource, names: RealNames, more: Mapping[str, str]) -> None:
        self._resource = resource
        self.names = names
        self._more = {"logical": resource.name, **more}
        self.used: list[str] = []
        """What the account calls the resource or what it is in, as far as it was asked for."""

    def arguments(self, call: Call) -> dict[str, Any]:
        """Return a call's arguments; UnknownValueError where one of them is not known."""
        return {key: self._filled(value) for key, value in call.arguments.items()}

    def item(self, call: Call) -> str:
        """Return where the answer has the resource."""
        return _MARK.sub(lambda mark: _in_jmespath(self._word(mark[1]), call.spelled), call.item)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if not isinstance(value, str) or "$" not in value:
            return value
        filled = _MARK.sub(lambda mark: self._word(mark[1]), value)
        if not value.startswith("$$") and value[1:] not in ("platform", "stage", "account"):
            self.used.append(filled)
        return filled

    def _word(self, name: str) -> str:
        if name == "$":
            return "$"
        optional = name.endswith("?")
        name = name.rstrip("?")
        if name in self._more:
            return self._more[name]
        given = self._resource.inputs.get(name, self._resource.outputs.get(name))
        if given is None:
            if optional:
                return ""
            raise UnknownValueError
        return str(self.names.of(given))


def _in_jmespath(text: str, spelled: Mapping[str, str]) -> str:
    for one, other in spelled.items():
        text = text.replace(one, other)
    return text.replace("'", r"\'")


def searched(expression: str, value: Any) -> Any:
    """Return what a JMESPath finds in a value."""
    return jmespath.search(expression, value)
