"""Read a file of AWS's price list from the network as a stream that outlives a broken connection."""

from __future__ import annotations

import io
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import urllib3

PRICE_LIST = "https://pricing.us-east-1.amazonaws.com"
"""AWS's own, for anybody: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api-fetching-price-list-files-manually.html"""

_TRIES = 4
"""How often a request is repeated, and a broken file taken up again."""
_BUSY = (429, 500, 502, 503, 504)


class DownloadError(Exception):
    """A file could not be read to its end: which, and why."""


class NotThereError(DownloadError):
    """The price list has no such file, such as a service that is not in a region yet."""


@dataclass(frozen=True)
class Opened:
    """A file whose beginning has arrived."""

    etag: str
    """What the server calls this version; empty where it does not say."""
    body: IO[bytes]


class PriceList:
    """AWS's price list, or a mirror of it."""

    def __init__(self, base: str = PRICE_LIST, *, wait: float = 1.0) -> None:
        """Read below ``base``. ``wait`` is the seconds before the first repetition; each later one waits twice as long.

        Raises :class:`DownloadError` where ``base`` is no https address; plain http is for this machine alone.
        """
        address = urllib.parse.urlsplit(base)
        if not address.hostname or (address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost")):
            raise DownloadError(f"{base}: is no https address; AWS's own is {PRICE_LIST}")
        self.base = base.rstrip("/")
        self._pool = _pool(address, wait)

    @contextmanager
    def open(self, path: str, *, etag: str = "") -> Iterator[Opened | None]:
        """Open a file of the price list; None where it still is the version that ``etag`` names.

        Raises :class:`NotThereError` where there is no such file, :class:`DownloadError` for every other failure, also while the
        body is read.
        """
        url = f"{self.base}{path}"
        response = self._request(url, {"If-None-Match": etag} if etag else {})
        try:
            if response.status == 304:
                yield None
                return
            # S3, which is behind the price list, answers 403 for what is not there.
            if response.status in (403, 404):
                raise NotThereError(f"{url}: there is no such file (HTTP {response.status})")
            if response.status != 200:
                raise DownloadError(f"{url}: HTTP {response.status} {response.reason or ''}".rstrip())
            raw = _Resumed(self._request, url, response)
            with io.BufferedReader(raw, _CHUNK) as body:
                yield Opened(response.headers.get("ETag", ""), body)
        finally:
            response.release_conn()

    def _request(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                "GET", url, headers={"Accept-Encoding": "identity", **headers}, preload_content=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise DownloadError(f"{url}: {_reason(error)}") from None


_CHUNK = 1 << 18


def _pool(address: urllib.parse.SplitResult, wait: float) -> urllib3.PoolManager:
    retries = urllib3.Retry(
        total=_TRIES, backoff_factor=wait / 2, backoff_max=60, status_forcelist=_BUSY, raise_on_status=False
    )
    facts: dict[str, Any] = {"retries": retries, "timeout": urllib3.Timeout(connect=10, read=60)}
    # A company's proxy, as curl and pip find it.
    proxy = urllib.request.getproxies().get(address.scheme)
    if proxy and not urllib.request.proxy_bypass(address.hostname or ""):
        return urllib3.ProxyManager(proxy, **facts)
    return urllib3.PoolManager(**facts)


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None)
    if isinstance(inner, Exception):
        return _reason(inner)
    # The library names its own object before the colon.
    return str(error).rpartition(">: ")[2] or type(error).__name__


class _Resumed(io.RawIOBase):
    """A body that goes on where a connection broke, as long as the server still has the same version of the file."""

    def __init__(self, request: Any, url: str, response: urllib3.BaseHTTPResponse) -> None:
        self._request = request
        self._url = url
        self._response = response
        self._etag = response.headers.get("ETag", "")
        self._read = 0
        self._breaks = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            try:
                data = self._response.read1(len(buffer))
            except urllib3.exceptions.HTTPError:
                self._take_up_again()
                continue
            buffer[: len(data)] = data
            self._read += len(data)
            return len(data)

    def _take_up_again(self) -> None:
        self._response.close()
        self._breaks += 1
        place = f"{self._url}: the connection broke after {self._read:,} bytes"
        # A weak ETag does not promise the same bytes: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
        if self._breaks > _TRIES or not self._etag or self._etag.startswith("W/"):
            raise DownloadError(place) from None
        response = self._request(self._url, {"Range": f"bytes={self._read}-", "If-Range": self._etag})
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {self._read}-"):
            response.close()
            raise DownloadError(f"{place}, and the server does not go on from there (HTTP {response.status})")
        self._response = response
