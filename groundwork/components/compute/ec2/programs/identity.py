#!/usr/bin/python3
"""Answers containers that ask who they are: temporary credentials of their own service's role and of no other."""
# What is started and asked here is our own.
# ruff: noqa: S603

from __future__ import annotations

import hmac
import http.server
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

IDENTITIES = Path("/run/groundwork/identities")
KEPT = 600
SAID_TO_LAST = 1200

_lock = threading.Lock()
_known: dict[str, tuple[float, bytes]] = {}


def role_of(token: str) -> tuple[str, str] | None:
    for file in IDENTITIES.glob("*.json"):
        identity = json.loads(file.read_text())
        if hmac.compare_digest(identity["token"], token):
            return file.stem, identity["role"]
    return None


def credentials(service: str, role: str) -> bytes:
    with _lock:
        now = time.time()
        if role in _known and now - _known[role][0] < KEPT:
            return _known[role][1]
        command = ["aws", "sts", "assume-role", "--role-arn", role, "--role-session-name", service]
        answer = subprocess.run([*command, "--output", "json"], check=True, stdout=subprocess.PIPE)
        given = json.loads(answer.stdout)["Credentials"]
        # They last an hour. Said to last less, they are asked for again in time for what was signed with them.
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + SAID_TO_LAST))
        keys = {name: given[name] for name in ("AccessKeyId", "SecretAccessKey")}
        body = json.dumps({**keys, "Token": given["SessionToken"], "Expiration": until, "RoleArn": role}).encode()
        _known[role] = (now, body)
        return body


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = role_of(self.path[1:])
        if found is None:
            self.send_error(404)
            return
        body = credentials(*found)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: paths are tokens. they are not logged."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
