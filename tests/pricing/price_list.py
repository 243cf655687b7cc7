"""A price list on loopback: offer files in AWS's form, written by hand, and the ways in which a network fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COLUMNS = (
    '"SKU","OfferTermCode","RateCode","TermType","PriceDescription","EffectiveDate","StartingRange","EndingRange","Unit",'
    '"PricePerUnit","Currency","RelatedTo","LeaseContractLength","PurchaseOption","OfferingClass","Product Family",'
    '"serviceCode","Location","Location Type","Instance Type","Tenancy","Operating System","License Model","Group",'
    '"usageType","operation","CapacityStatus","Database Engine","Deployment Option","Cache Engine","Volume API Name",'
    '"Pre Installed S/W","Region Code"'
)
"""Columns that every file has, and some that only those of EC2, RDS or ElastiCache have, in AWS's spelling and order."""
_NAMES = [name.strip('"') for name in COLUMNS.split(",")]


def offer(
    service: str, *rows: Mapping[str, str], columns: str = COLUMNS, published: str = "2026-11-20T21:57:01Z"
) -> bytes:
    """An offer file; a row is what its columns hold, on demand and in US dollars where it does not say."""
    lines = [
        '"FormatVersion","v1.0"',
        '"Disclaimer","This pricing list is for informational purposes only."',
        f'"Publication Date","{published}"',
        f'"Version","{published.translate({ord(sign): None for sign in "-T:Z"})}"',
        f'"OfferCode","{service}"',
        columns,
        *(_line(service, row) for row in rows),
    ]
    return ("\n".join(lines) + "\n").encode()


def _line(service: str, row: Mapping[str, str]) -> str:
    told = {
        "SKU": "2223B6PCG6QAUYY6",
        "TermType": "OnDemand",
        "EffectiveDate": "2026-11-01",
        "StartingRange": "0",
        "EndingRange": "Inf",
        "Currency": "USD",
        "serviceCode": service,
        "Location Type": "AWS Region",
        **row,
    }
    assert not told.keys() - {*_NAMES}, told.keys() - {*_NAMES}
    # AWS leaves what is empty without quotes.
    return ",".join(f'"{told[name]}"' if told.get(name) else "" for name in _NAMES)


@dataclass
class Answer:
    """What a path gives."""

    body: bytes = b""
    status: int = 200
    etag: str = '"1"'
    breaks: list[int] = field(default_factory=list)
    """After how many bytes the connection of each answer breaks, until none is left."""
    busy: int = 0
    """How many answers are 503 first."""
    changes: bool = False
    """Whether the file is another one when it is asked for again."""


@dataclass
class Server:
    """Files by path, and what was asked of them."""

    base: str
    files: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def put(self, service: str, region: str, body: bytes, **facts: Any) -> Answer:
        """Offer a file of a service; of all regions where ``region`` is empty."""
        place = f"/{region}" if region else ""
        answer = self.files[f"/offers/v1.0/aws/{service}/current{place}/index.csv"] = Answer(body, **facts)
        return answer


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is what the tests are about."""


@contextmanager
def served() -> Iterator[Server]:
    """A price list on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            server.asked.append((self.path, dict(self.headers)))
            answer = server.files.get(self.path, Answer(status=403))
            if answer.busy:
                answer.busy -= 1
                self._send(503, b"", {"Retry-After": "0"})
            elif answer.status != 200:
                self._send(answer.status, b"", {})
            elif self.headers.get("If-None-Match") == answer.etag:
                self._send(304, b"", {"ETag": answer.etag})
            else:
                self._send_file(answer)

        def _send_file(self, answer: Answer) -> None:
            first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            if first and (answer.changes or self.headers["If-Range"] != answer.etag):
                first = 0
            body = answer.body[first:]
            headers = {"ETag": answer.etag}
            if first:
                headers["Content-Range"] = f"bytes {first}-{len(answer.body) - 1}/{len(answer.body)}"
            self._send(206 if first else 200, body, headers, answer.breaks.pop(0) if answer.breaks else None)

        def _send(self, status: int, body: bytes, headers: dict[str, str], until: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:until])
            if until is not None:
                self.wfile.flush()
                self.close_connection = True

    with _Http(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_port}")
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        http.shutdown()
