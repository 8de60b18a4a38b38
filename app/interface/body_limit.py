"""No request body grows beyond what the settings allow, announced or not.

Strangers have nothing long to say: signing in and registering are small, and files come with a
credential. JSON may be less than a file, and it may not be dense: what it takes in memory, before
the door has let its sender in, follows the number of its values rather than its bytes.
"""

import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.database import AWAY
from app.interface.admission import Callers, secret_of
from app.interface.errors import NotSignedIn, PayloadTooLarge, Problem, Unavailable, render
from app.interface.language import Text
from app.settings import Settings

logger = logging.getLogger(__name__)

UPLOAD, FILES = "multipart/form-data", ("/imports", "/attachments")
BATCH = ":batch"
STRANGERS_BYTES = 64 * 1024
PARTS = (b",", b"[", b"{")  # before each value of JSON but the first there is one
BYTES_A_PART = 40  # of the limit; names and texts of real bodies are longer on the average


class BodyLimitMiddleware:
    """Answers 413 as a problem; FastAPI's own limit answers in plain text.

    account_of_key: asks the database whose an API key is.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        account_of_key: Callable[[str], Awaitable[UUID | None]],
    ) -> None:
        self.app = app
        self.settings = settings
        self._account_of_key = account_of_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_upload = _is_upload(scope, headers)
        limit = self._limit(scope, is_upload=is_upload)
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            await render(Request(scope), _too_large(limit))(scope, receive, send)
            return
        received = parts = 0
        is_known, length = False, int(announced) if announced.isdecimal() else 0

        # Whoever reads a body lets no other exception through.
        async def require_known() -> None:
            nonlocal is_known
            if not is_known and max(length, received) > STRANGERS_BYTES:
                if refusal := await self._refusal_of(Request(scope)):
                    raise HTTPException(refusal.status) from refusal
                is_known = True

        async def counted_receive() -> Message:
            nonlocal received, parts
            await require_known()  # before the sender is told to go on (RFC 9110, 10.1.1)
            message = await receive()
            body = message.get("body", b"")
            received += len(body)
            parts += 0 if is_upload else sum(map(body.count, PARTS))
            if received > limit:
                raise HTTPException(PayloadTooLarge.status) from _too_large(limit)
            if parts > limit // BYTES_A_PART:
                raise HTTPException(PayloadTooLarge.status) from _too_dense(limit // BYTES_A_PART)
            await require_known()
            return message

        await self.app(scope, counted_receive, send)

    def _limit(self, scope: Scope, *, is_upload: bool) -> int:
        if is_upload:
            return self.settings.max_body_bytes
        is_batch = scope["path"].endswith(BATCH)
        return self.settings.max_batch_bytes if is_batch else self.settings.max_json_bytes

    async def _refusal_of(self, request: Request) -> Problem | None:
        """Why the sender may not go on; None where the credential is somebody's.

        Asked for while the body is read, when the request has been counted already.
        """
        try:
            if await self._is_known(request):
                return None
        except AWAY as error:
            logger.warning("a credential cannot be looked up: %s", type(error).__name__)
            return Unavailable()
        if "authorization" in request.headers:  # which may have expired: its sender gets another
            return NotSignedIn()
        return _too_large(STRANGERS_BYTES)

    async def _is_known(self, request: Request) -> bool:
        """Whether the credential is somebody's; the database is asked about a key new here."""
        callers: Callers = request.app.state.callers
        if callers.account_of(request) is not None:
            return True
        account_id = await self._account_of_key(secret_of(request))
        if account_id is not None:
            callers.remember(request, account_id)
        return account_id is not None


def _is_upload(scope: Scope, headers: Headers) -> bool:
    """Only where files may come: what a body is called elsewhere is its sender's word, and it is
    read whole all the same.
    """
    takes_files = scope["method"] == "POST" and scope["path"].endswith(FILES)
    return takes_files and headers.get("content-type", "").lower().startswith(UPLOAD)


def _too_large(limit: int) -> PayloadTooLarge:
    text = Text("不得超过 {limit} 字节", "At most {limit} bytes")
    return PayloadTooLarge(text.format(limit=limit))


def _too_dense(limit: int) -> PayloadTooLarge:
    text = Text("逗号和括号不得超过 {limit} 个", "At most {limit} commas and opening brackets")
    return PayloadTooLarge(text.format(limit=limit))
