"""No request body grows beyond what the settings allow, announced or not.

JSON may be less than a file: read, it takes up to 37 times its bytes in memory, and that before
anybody has asked who sends it.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.interface.errors import PayloadTooLarge, render
from app.interface.language import Text
from app.settings import Settings

UPLOAD, FILES = "multipart/form-data", "/imports"
BATCH = ":batch"


class BodyLimitMiddleware:
    """Answers 413 as a problem; FastAPI's own limit answers in plain text."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit(scope, headers.get("content-type", ""))
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            await render(Request(scope), _too_large(limit))(scope, receive, send)
            return
        received = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:  # whoever reads a body lets no other exception through
                raise HTTPException(PayloadTooLarge.status) from _too_large(limit)
            return message

        await self.app(scope, counted_receive, send)

    def _limit(self, scope: Scope, content_type: str) -> int:
        """Only uploads may be long, and only where files may come: what a body is called elsewhere
        is its sender's word, and it is read whole all the same.
        """
        takes_files = scope["method"] == "POST" and scope["path"].endswith(FILES)
        if takes_files and content_type.lower().startswith(UPLOAD):
            return self.settings.max_body_bytes
        is_batch = scope["path"].endswith(BATCH)
        return self.settings.max_batch_bytes if is_batch else self.settings.max_json_bytes


def _too_large(limit: int) -> PayloadTooLarge:
    text = Text("不得超过 {limit} 字节", "At most {limit} bytes")
    return PayloadTooLarge(text.format(limit=limit))
