"""Behind a real nginx, as it comes: nothing but proxy_pass, and HTTP/1.0 or 1.1 to the daemon.

Each event is awaited before the next one is caused, so that a proxy that holds something back
stops everything, without a clock.
"""

import http.client
import pathlib
import shutil
import socket
import tempfile

from daemon import (
    PATIENCE, Daemon, Process, Stream, check, expect, finish, free_port, post, until,
)

# nginx writes below its prefix only. A master that is root hands its workers to nobody, who may
# not enter that folder.
CONFIG = """
{user}
daemon off;
master_process on;
worker_processes 1;
pid {prefix}/pid;
error_log {prefix}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    server {{
        listen 127.0.0.1:{http10};
        location / {{ proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.0; }}
    }}
    server {{
        listen 127.0.0.1:{http11};
        location / {{ proxy_pass http://127.0.0.1:{port}; proxy_http_version 1.1; }}
    }}
    server {{
        listen 127.0.0.1:{impatient};
        location / {{ proxy_pass http://127.0.0.1:{port}; proxy_read_timeout 3s; }}
    }}
}}
"""

GATED = """
timeouts.heartbeat = "1s"
[[tool]]
name = "gated"
description = "Says what is in a folder: one line for each file that appears."
command = [
    "sh", "-c",
    'for i in 1 2 3; do while [ ! -e "$1/$i" ]; do sleep 0.02; done; echo "$i"; done',
    "sh", "{folder}",
]
[tool.arguments]
folder = { type = "string", required = true }
"""

EVENTS = 20


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def healthy(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/health")
    expect(connection.getresponse().status == 200)
    connection.close()


def call(id, tool, arguments, **more):
    params = {"name": tool, "arguments": arguments, **more}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def standard(port, path):
    """HTTP+SSE, one event after the other."""
    stream = Stream(port, path)
    endpoint = stream.event("endpoint")
    for id in range(EVENTS):
        if id == 0 and path == "/mcp/sse":
            stream.event("connected")
            stream.event("mcp-notification")
        status, _ = post(port, endpoint, call(id, "echo", {"text": f"event {id}"}))
        expect(status == 202, status)
        message = stream.json("message")
        expect(message["id"] == id, message)
    stream.close()


def underscored(port):
    stream = Stream(port, "/mcp/sse")
    stream.event("endpoint")
    connection = stream.json("connected")["connection_id"]
    stream.event("mcp-notification")
    for id in range(EVENTS):
        body = call(id, "echo", {"text": "x"}) | {"connection_id": connection}
        status, answer = post(port, "/mcp/sse/message", body)
        expect((status, answer) == (202, {"status": "accepted", "id": id}), status, answer)
        expect(stream.json("mcp_response")["id"] == id)
    stream.close()


def hyphenated(port):
    stream = Stream(port, "/mcp/sse")
    stream.event("endpoint")
    stream.event("connected")
    connection = stream.json("mcp-notification")["result"]["connectionId"]
    for _ in range(EVENTS):
        message = {"method": "tools/list"}
        status, _ = post(port, "/mcp/sse/send", {"connectionId": connection, "message": message})
        expect(status == 202, status)
        expect(stream.json("mcp-response")["method"] == "tools/list")
    stream.close()


def plain(port):
    stream = Stream(port, "/events")
    expect(stream.json(None)["type"] == "connection")
    for number in range(EVENTS):
        status, answer = post(port, "/mcp/sse/broadcast", {"message": {"type": "n", "n": number}})
        # Those who may still come back are told as well.
        expect(status == 200 and answer["queued"] >= 1, status, answer)
        expect(stream.json(None)["n"] == number)
    stream.close()


def progress(port, folder):
    """Streamable HTTP: the answer to a POST is a stream, each line of which is waited for."""
    body = call(1, "gated", {"folder": str(folder)}, _meta={"progressToken": "p"})
    (folder / "1").touch()
    stream = Stream(port, "/mcp", "POST", body)
    for number in ["1", "2", "3"]:
        message = stream.json("message")
        expect(message["params"]["message"] == number, message)
        (folder / str(int(number) + 1)).touch()
    expect(stream.json("message")["id"] == 1)
    stream.close()


def survives(port, path, is_comment):
    """Three seconds without anything from the daemon end a connection: heartbeats keep it."""
    stream = Stream(port, path)
    count = 0
    while count < 5:
        block = stream.block()
        name, data = block or (None, "")
        count += block is None if is_comment else "heartbeat" in (name or data)
    stream.close()


expect(shutil.which("nginx") or pathlib.Path("/usr/sbin/nginx").exists(), "nginx is missing")
nginx = shutil.which("nginx") or "/usr/sbin/nginx"
with Daemon(GATED) as daemon, tempfile.TemporaryDirectory(prefix="slimcp-nginx-") as prefix:
    ports = {name: free_port() for name in ["http10", "http11", "impatient"]}
    is_root = pathlib.Path("/proc/self").stat().st_uid == 0
    file = pathlib.Path(prefix) / "nginx.conf"
    user = "user root;" if is_root else ""
    file.write_text(CONFIG.format(prefix=prefix, port=daemon.port, user=user, **ports))
    command = [nginx, "-p", prefix, "-e", f"{prefix}/error.log", "-c", str(file)]
    with Process(command) as server:
        port = ports["http11"]
        until("nginx listens", lambda: server.process.poll() is not None or listens(port))
        check("s1_13_nginx_passes_health_on")(lambda: healthy(ports["http11"]))
        for version in ["http10", "http11"]:
            port = ports[version]
            name = f"s1_13_nginx_{version}"
            for path in ["/sse", "/mcp/sse/", "/mcp/sse"]:
                label = "mcp_sse_slash" if path.endswith("/") else path.strip("/").replace("/", "_")
                check(f"{name}_{label}")(lambda: standard(port, path))
            check(f"{name}_underscored")(lambda: underscored(port))
            check(f"{name}_hyphenated")(lambda: hyphenated(port))
            check(f"{name}_plain")(lambda: plain(port))
            with tempfile.TemporaryDirectory() as folder:
                check(f"{name}_progress")(lambda: progress(port, pathlib.Path(folder)))
        for path, is_comment in [("/sse", True), ("/mcp/sse", False), ("/events", False)]:
            label = path.strip("/").replace("/", "_")
            check(f"s1_13_nginx_stays_{label}")(
                lambda: survives(ports["impatient"], path, is_comment)
            )

finish()
