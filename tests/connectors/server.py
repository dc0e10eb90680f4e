"""A real HTTP server on loopback whose answers a test chooses."""

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """``answers``: path → list of callables on the handler, one a request; the last one repeats."""

    def __init__(self, answers):
        self.answers, self.requests, self.release = answers, [], threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                outer.requests.append((self.path, dict(self.headers)))
                queue = outer.answers[path]
                (queue.pop(0) if len(queue) > 1 else queue[0])(self)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.release = self.release
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


def sends(body, status=200, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def half(body, hang=False):
    """The promised length, half of the bytes, then the end or silence."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        if hang:
            handler.server.release.wait(20)
        handler.close_connection = True

    return answer


def needs(login, answer):
    """``answer`` for those who give ``login`` (user:password), 401 for others."""

    def check(handler):
        expected = "Basic " + base64.b64encode(login.encode()).decode()
        if handler.headers.get("Authorization") != expected:
            return sends(b'{"message": "Unauthorized"}', 401)(handler)
        return answer(handler)

    return check
