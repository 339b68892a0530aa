# SPDX-License-Identifier: Apache-2.0
"""A local HTTP server that behaves as Quafu's does towards pyquafu 0.4: tokens, queue, answers, and troubles."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "quafu-test-token-5a1c"
CHIPS = [{"system_name": "ScQ-P10", "system_id": 1}, {"system_name": "Baihua", "system_id": 9}]


@dataclass
class Quafu:
    """``trouble``: called with path and fields before a request is served; what it gives is answered instead:
    (status, headers, body). ``run``: counts for a circuit and its shots.
    """

    run: Callable[[str, int], dict[str, int]]
    trouble: Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes] | None] = lambda path, fields: None
    waits: int = 1
    tasks: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, fields: dict[str, str], token: str | None) -> dict[str, Any]:
        if token != TOKEN:
            return {"status": 201, "message": f"api token {token} is invalid"}
        if path == "/qbackend/get_backends/":
            return {"status": 200, "data": CHIPS}
        if path == "/qbackend/scq_get_chip_info/":
            return {"topological_structure": {}, "calibration_time": "2026-01-03T08:00:00"}
        if path == "/qbackend/scq_kit_asyc/":
            if int(fields["shots"]) > 20000:
                return {"status": 5001, "message": "shots must be below 20000"}
            self.tasks.append({**fields, "looks": 0})
            return {"status": 0, "task_id": f"T{len(self.tasks)}", "task_name": fields["task_name"], "res": "{}"}
        if path == "/qbackend/scq_task_recall/":
            number = int(fields["task_id"][1:])
            if number > len(self.tasks):
                return {"status": 400, "message": "no such task"}
            task = self.tasks[number - 1]
            task["looks"] += 1
            done = task["looks"] > self.waits
            counts = self.run(task["qtasm"], int(task["shots"])) if done else {}
            return {"status": 2 if done else 0, "task_id": fields["task_id"], "res": str(counts)}
        raise ValueError(path)


def serve(service: Quafu) -> tuple[ThreadingHTTPServer, str]:
    """Started on a free port; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            fields = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode()))
            trouble = service.trouble(self.path, fields)
            if trouble is None:
                body = json.dumps(service.answer(self.path, fields, self.headers.get("api_token"))).encode()
                status, headers = 200, {"Content-Length": str(len(body))}
            else:
                status, headers, body = trouble
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}/"
