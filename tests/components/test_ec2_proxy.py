"""nginx itself, with the configuration that an instance gets, before a service that answers what it was asked."""

import http.client
import http.server
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from groundwork.components.compute.ec2 import proxy
from groundwork.components.compute.ec2.machine import Proxy
from groundwork.components.services.routes import Route
from tests.shared import free_port

_NGINX = shutil.which("nginx")
pytestmark = pytest.mark.skipif(_NGINX is None, reason="nginx is not installed")

SECRET = "s" * 64


class _Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("nginx")
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    listening = free_port()
    routes = (Route("app", 1, host="api.example.com"), Route("app", 1, path="/api/*"))
    text = proxy.configuration(Proxy(routes, {"app": service.server_address[1]}, "x-origin-verify", None))
    (folder / "origin.conf").write_text(f'"{SECRET}" 1;\n')
    # What differs here: whose files and ports these are.
    text = re.sub(r"/run/groundwork|/var/log/groundwork", str(folder), text).replace("user nginx;\n", "")
    text = text.replace("listen 80", f"listen 127.0.0.1:{listening}").replace("16384", "64").replace("65536", "256")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    text = text.replace("http {\n", f"http {{\n{places}", 1)
    (folder / "nginx.conf").write_text(text)
    command = [str(_NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with subprocess.Popen(command) as running:
        for _ in range(100):
            with socket.socket() as knocking:
                if knocking.connect_ex(("127.0.0.1", listening)) == 0:
                    break
            time.sleep(0.05)
        yield listening
        running.terminate()
    service.shutdown()
    service.server_close()


def ask(port: int, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body)["headers"] if answer.status == 200 else {}


def test_whoever_does_not_show_the_header_finds_nothing(port: int) -> None:
    """S4-08"""
    assert ask(port, "/api/x")[0] == 404
    assert ask(port, "/api/x", x_origin_verify="wrong")[0] == 404
    assert ask(port, "/", Host="api.example.com")[0] == 404
    assert ask(port, "/api/x", x_origin_verify=SECRET)[0] == 200


def test_a_path_that_no_service_answers_is_not_found(port: int) -> None:
    assert ask(port, "/other", x_origin_verify=SECRET)[0] == 404
    assert ask(port, "/other", x_origin_verify=SECRET, Host="api.example.com")[0] == 200


def test_a_service_learns_who_asked_and_not_the_header(port: int) -> None:
    _, headers = ask(port, "/api/x", x_origin_verify=SECRET, Host="example.com", X_Forwarded_For="203.0.113.7")
    assert headers["host"] == "example.com"
    assert headers["x-forwarded-for"].startswith("203.0.113.7, ")
    assert headers["x-forwarded-proto"] == "https"
    assert "x-origin-verify" not in headers


def test_a_websocket_is_passed_on_as_one(port: int) -> None:
    """S4-01"""
    asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Key": "k"}
    _, headers = ask(port, "/api/socket", x_origin_verify=SECRET, **asked)
    assert (headers["upgrade"], headers["connection"]) == ("websocket", "upgrade")
    assert headers["sec-websocket-key"] == "k"
