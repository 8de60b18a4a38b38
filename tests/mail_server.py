"""A server for e-mail on this machine, with STARTTLS, a login, and the ways in which they fail."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.certificates import server_context
from tests.listeners import listening

HOST, USER, PASSWORD = "127.0.0.1", "shuangku", "a password of the tests"
LOGIN = b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()


class MailServer(ThreadingTCPServer):
    """fault: "busy" takes nothing, "vanish" takes a message and hangs up before it says so."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, *, is_tls: bool) -> None:
        super().__init__((HOST, 0), _Session)
        self.is_tls, self.fault = is_tls, ""
        self.context = server_context(HOST)
        self.messages: list[EmailMessage] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.is_secure = self.is_known = False
        if self.server.is_tls:
            self._secure()
        self._say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.partition(" ")[0].upper()
            if verb == "QUIT" or not self._answer(verb, line):
                return

    def _answer(self, verb: str, line: str) -> bool:
        """Whether the conversation goes on."""
        if verb == "EHLO":
            self._say("250-test", "250 AUTH PLAIN" if self.is_secure else "250 STARTTLS")
        elif verb == "STARTTLS":
            self._say("220 go on")
            self._secure()
        elif verb == "AUTH":
            self.is_known = self.is_secure and line == f"AUTH PLAIN {LOGIN}"
            self._say("235 known" if self.is_known else "535 unknown")
        elif verb == "DATA":
            return self._take()
        else:
            is_refused = not self.is_known or (verb == "RCPT" and self.server.fault == "busy")
            self._say("451 not now" if is_refused else "250 fine")
        return True

    def _take(self) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.server.messages.append(message)
        if self.server.fault == "vanish":
            return False
        self._say("250 taken")
        return True

    def _secure(self) -> None:
        self.request: ssl.SSLSocket = self.server.context.wrap_socket(
            self.request, server_side=True
        )
        self.rfile.close()
        self.rfile, self.is_secure = self.request.makefile("rb"), True

    def finish(self) -> None:
        super().finish()
        self.request.close()  # the server knows the one below alone

    def _say(self, *lines: str) -> None:
        self.request.sendall("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def mail_server(*, is_tls: bool = False) -> Iterator[MailServer]:
    with listening(MailServer(is_tls=is_tls)) as server:
        yield server
