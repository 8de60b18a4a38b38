"""How long a client may take: uvicorn by itself waits for ever for the rest of a request.

Each connection looks at itself a few times within its patience. A client that owes a request, or
the taking of an answer, has CLIENT_SECONDS for it, and one second more for every thousand bytes
that came or went, but a minute more at most; then its connection is cut, without a word, as it does
not read or is not ready to. A client that sends nothing at all between requests is uvicorn's (five
seconds), and one whose answer is being made is the deadline's (`app.interface.deadline`).
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BYTES_A_SECOND = 1_000
LONGEST_BONUS = 60.0  # or a stranger would hold a long body for hours
AT_ONCE = struct.pack("ii", 1, 0)  # linger, for no time
LOOKS = 4
MAX_HEAD_BYTES = 64 * 1024  # of a request; the parser itself has no limit


@dataclass(eq=False)
class _Debt:
    """What the client owes since `since`; of it, it has paid so many bytes."""

    since: float
    paid: int = 0

    def is_overdue(self, now: float, patience: float) -> bool:
        bonus = min(self.paid / BYTES_A_SECOND, LONGEST_BONUS)
        return now - self.since > patience + bonus


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, with an end to patience."""

    def __init__(self, *arguments: Any, patience: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._patience = patience
        self._request: _Debt | None = None  # a request that has not come to its end
        self._answer: _Debt | None = None  # an answer that waits to be taken
        self._waiting = 0  # bytes of it at the last look
        self._head = 0  # bytes since the last that belonged to a body: headers or trailers
        self._has_head = False  # whether the request's headers have ended
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._request = _Debt(self.loop.time())
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._request is None:
            self._request = _Debt(self.loop.time())
        if self._head > MAX_HEAD_BYTES:
            self._refuse_head()
            return
        if self._has_head:
            self._request.paid += len(data)
        self._head += len(data)
        super().data_received(data)

    def _refuse_head(self) -> None:
        """In so many words, unless an answer is under way: a second one would be the next one's."""
        if self._has_head or (self.cycle is not None and not self.cycle.response_complete):
            self.transport.close()
        else:
            self.send_400_response("The headers are too long.")

    def on_message_begin(self) -> None:
        self._has_head = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # trailers are no headers (RFC 9110, 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head, self._has_head = 0, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head, self._request = 0, None
        super().on_message_complete()

    def resume_writing(self) -> None:
        self._answer = None  # of a long answer some ten thousand bytes were taken
        super().resume_writing()

    def _look_later(self) -> None:
        self._look = self.loop.call_later(self._patience / LOOKS, self._look_at_debts)

    def _look_at_debts(self) -> None:
        now = self.loop.time()
        self._note_taken(now)
        debts = [debt for debt in (self._request, self._answer) if debt is not None]
        if self.flow.read_paused and self._request is not None:
            self._request.since = now  # the service itself reads no further
        if any(debt.is_overdue(now, self._patience) for debt in debts):
            self._cut_off()
        else:
            self._look_later()

    def _cut_off(self) -> None:
        """With a reset, or the kernel would go on for hours with what waits to be taken."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.transport.abort()

    def _note_taken(self, now: float) -> None:
        """How much of the answer the client has taken since the last look."""
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            self._answer = None
        elif self._answer is None:
            self._answer = _Debt(now)
        else:
            self._answer.paid += max(0, self._waiting - waiting)
        self._waiting = waiting


def patient(seconds: float) -> Any:
    """The protocol for uvicorn's `http`, which it calls for every connection."""
    return partial(PatientProtocol, patience=seconds)
