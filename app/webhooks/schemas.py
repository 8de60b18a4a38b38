"""Request and response bodies of webhooks, and what is sent to them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from app.interface.pagination import PageQuery
from app.interface.schemas import Body, RecordBody, opaque_of, text_of
from app.outgoing.addresses import LONGEST
from app.webhooks.kinds import is_kind, known_kinds
from app.webhooks.models import DeliveryState, DisabledCause

URL = "https://erp.demo.invalid/hooks/shuangku"
KINDS = ["docking.*", "demand.published"]


def _known(kind: str) -> str:
    if not is_kind(kind):
        known = known_kinds(kind)
        text = (f"没有这种事件，可选：{known}", f"There is no such kind, but: {known}")
        raise PydanticCustomError("unknown_kind", "unknown kind", {"text": text})
    return kind


Kinds = Annotated[
    list[Annotated[str, text_of(100, min_length=1), AfterValidator(_known)]],
    Field(
        min_length=1,
        max_length=50,
        examples=[KINDS],
        description=f"of changes, `*` for all of a record: {known_kinds()}",
    ),
]
Url = Annotated[
    str,
    opaque_of(LONGEST, min_length=1),
    Field(examples=[URL], description="https, port 443 or 8443, of a host that is public"),
]


class WebhookCreate(Body):
    url: Url
    kinds: Kinds


class WebhookUpdate(Body):
    """JSON Merge Patch: what is absent stays."""

    url: Url = ""
    kinds: Kinds = []


class WebhookBody(RecordBody):
    url: str = Field(examples=[URL])
    kinds: list[str] = Field(examples=[KINDS])
    is_enabled: bool = Field(examples=[True])
    disabled_cause: DisabledCause | None = Field(examples=[None])
    previous_secret_ends_at: datetime | None = Field(
        description="until then both secrets sign", examples=[None]
    )
    failing_since_at: datetime | None = Field(
        description="the first failure since the last success", examples=[None]
    )
    allowed_actions: list[str] = Field(examples=[["update", "delete", "rotate-secret", "test"]])


class NewWebhook(WebhookBody):
    secret: str = Field(
        description="checks the signatures; shown this once",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="],
    )


class DeliveryBody(RecordBody):
    """One change on its way to a webhook."""

    webhook_id: UUID
    kind: str = Field(examples=["docking.invited"])
    subject_id: UUID
    happened_at: datetime
    state: DeliveryState = Field(examples=[DeliveryState.WAITING])
    attempts: int = Field(examples=[1])
    next_attempt_at: datetime | None
    attempted_at: datetime | None
    status_code: int | None = Field(description="of the last answer", examples=[500])
    error: str = Field(
        description="why there was none: timeout, address, name, tls, connection, broken;"
        " or secret, where the service lacks the key to its own",
        examples=[""],
    )
    response: str = Field(description="the beginning of the last answer", examples=["busy"])
    allowed_actions: list[str] = Field(examples=[["replay"]])


class WebhookQuery(PageQuery):
    sort: Literal["created_at", "-created_at"] = "-created_at"


class DeliveryQuery(PageQuery):
    state: DeliveryState | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"


class Event(BaseModel):
    """What a webhook is sent: ids and the present state, which its account may read now."""

    type: str = Field(examples=["docking.invited"])
    timestamp: datetime = Field(description="when it happened")
    data: dict[str, Any] = Field(
        examples=[{"id": "0199f5c2-8a4e-7cc1-9d0b-3f1e6a7b2c4d", "state": "invited"}]
    )
