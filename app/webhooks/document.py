"""What a receiver is sent, for the document of the interface; the service itself calls nobody here.

See `delivering` for how it is sent, and `signing` for the header fields.
"""

from typing import Annotated

from fastapi import FastAPI, Header, status

from app.webhooks.schemas import Event


async def receive_event(
    event: Event,
    webhook_id: Annotated[str, Header(description="the same whenever it is sent again")],
    webhook_timestamp: Annotated[str, Header(description="seconds since 1970, of this attempt")],
    webhook_signature: Annotated[
        str,
        Header(
            description="for each secret in force v1, and base64 of HMAC-SHA256 over"
            " id.timestamp.body"
        ),
    ],
) -> None:
    """事件 · What a webhook is sent. Any 2xx is success; 410 disables the webhook."""


def declare(app: FastAPI) -> None:
    """Put it among the document's webhooks (OpenAPI 3.1), which are not served."""
    app.webhooks.add_api_route(
        "event",
        receive_event,
        methods=["POST"],
        operation_id=receive_event.__name__,
        tags=["webhooks"],
        status_code=status.HTTP_204_NO_CONTENT,
    )
