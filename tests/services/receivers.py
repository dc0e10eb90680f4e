"""Receivers of messages on this machine: one for HTTP, one for SMTP. Both keep what they get."""

import email
import email.policy
import json
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Posted:
    """What came by HTTP: the JSON of each message and its headers; ``answer`` is the status given."""

    address: str = ""
    messages: list[dict] = field(default_factory=list)
    headers: list[dict] = field(default_factory=list)
    answer: int = 200

    def about(self, dag: str) -> list[dict]:
        """The messages about one DAG."""
        return [message for message in self.messages if message["dag"] == dag]


@dataclass
class Mailed:
    """What came by SMTP: the messages, and the logins that were tried (base64, as on the wire)."""

    address: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refuses: bool = False


@contextmanager
def http():
    """A web address that takes JSON."""
    kept = Posted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if kept.answer == 200:
                kept.messages.append(json.loads(content))
                kept.headers.append(dict(self.headers))
            self.send_response(kept.answer)
            if kept.answer == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kept.address = f"http://127.0.0.1:{server.server_port}/hooks/secret-part-of-the-address"
        yield kept
        server.shutdown()


@contextmanager
def smtp():
    """A mail server that knows no encryption, as one on the same machine."""
    kept = Mailed()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                verb = line.split()[0].upper()
                if verb == "EHLO":
                    self.say("250-here", "250 AUTH PLAIN")
                elif verb == "AUTH":
                    kept.logins.append(line.split()[-1])
                    self.say("235 welcome")
                elif verb == "RCPT" and kept.refuses:
                    self.say("550 unknown here")
                elif verb == "DATA":
                    self.say("354 go on")
                    content = b""
                    while (line := self.rfile.readline()) != b".\r\n":
                        content += line
                    kept.mails.append(email.message_from_bytes(content, policy=email.policy.default))
                    self.say("250 kept")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 yes")

        def say(self, *lines):
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kept.address = f"smtp://127.0.0.1:{server.server_address[1]}"
        yield kept
        server.shutdown()
