"""nginx on the instance: the end of TLS, the header that CloudFront sends, and a path's way to its service."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.compute.ec2.checks import PROXY_CONNECTIONS
from groundwork.components.compute.ec2.machine import DATA, LOGS, Proxy
from groundwork.components.services.routes import Route

_HEAD = """\
user nginx;
worker_processes auto;
worker_rlimit_nofile 65536;
error_log {logs}/proxy.log warn;
pid /run/groundwork/nginx.pid;
events {{ worker_connections {connections}; }}
http {{
  server_tokens off;
  access_log off;
  map_hash_bucket_size 128;
  map $http_upgrade $upgraded {{ default upgrade; '' ''; }}
  map ${header} $known {{ default 0; include /run/groundwork/origin.conf; }}
  proxy_http_version 1.1;
  proxy_set_header Host $host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $upgraded;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto https;
  proxy_set_header {dropped} '';
  proxy_request_buffering off;
  proxy_read_timeout 3600;
  client_max_body_size 0;
  keepalive_timeout 75;
"""

_TLS = """\
  ssl_certificate {data}/certificates/live/origin/fullchain.pem;
  ssl_certificate_key {data}/certificates/live/origin/privkey.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
"""

# A cache in front counts on connections that stay open: 75 s here, 5 s at CloudFront.


def configuration(proxy: Proxy) -> str:
    """Return nginx's configuration: a server for each host of its own, and one for all that is told apart by path."""
    listen = f"{proxy.port} ssl" if proxy.certified else str(proxy.port)
    text = _HEAD.format(
        connections=PROXY_CONNECTIONS, header=f"http_{_variable(proxy.header)}", dropped=proxy.header, logs=LOGS
    )
    if proxy.certified:
        text += _TLS.format(data=DATA)
    by_host = [route for route in proxy.routes if route.host]
    by_path = [route for route in proxy.routes if not route.host]
    for route in by_host:
        text += _server(f"listen {listen};\n    server_name {route.host};", [_location("/", proxy, route)])
    text += _server(
        f"listen {listen} default_server;\n    server_name _;",
        [*(_location(f'~ "{_pattern(route.path or "/*")}"', proxy, route) for route in by_path), _NOTHING],
    )
    return text + "}\n"


_NOTHING = "    location / { return 404; }\n"


def _server(head: str, locations: list[str]) -> str:
    return f"  server {{\n    {head}\n    if ($known = 0) {{ return 404; }}\n{''.join(locations)}  }}\n"


def _location(match: str, proxy: Proxy, route: Route) -> str:
    return f"    location {match} {{ proxy_pass http://127.0.0.1:{proxy.ports[route.service]}; }}\n"


def _variable(header: str) -> str:
    return header.lower().replace("-", "_")


def _pattern(path: str) -> str:
    """Return a load balancer's path pattern as a regular expression: ``*`` is any text, ``?`` one character."""
    return "^" + "".join(_characters(path)) + "$"


def _characters(path: str) -> Iterator[str]:
    for character in path:
        if character in "*?":
            yield ".*" if character == "*" else "."
        elif character.isalnum() or character in "/_-":
            yield character
        else:
            # Neither the quotes around it nor the expression take it for their own.
            yield f"\\x{ord(character):02x}"
