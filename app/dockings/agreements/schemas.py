"""Request and response bodies of agreements."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.demands.schemas import Money, StoredMoney
from app.dockings.agreements.models import AgreementKind, AgreementState
from app.dockings.models import Side
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, RecordBody, text_of

Parties = Annotated[
    list[Annotated[str, text_of(300, min_length=1)]],
    Field(max_length=20, examples=[["演示·义乌足韵袜业有限公司", "演示·东吴纺织大学"]]),
]
AgreementTitle = Annotated[
    str, text_of(300, min_length=1), Field(examples=["锦纶袜浅色黄变控制技术开发合同"])
]
Registration = Annotated[str, text_of(100, min_length=1), Field(examples=["2026330782000123"])]


class AgreementUpdate(Body):
    """What a draft may say; parties and amount are needed at `:sign`."""

    kind: AgreementKind = Field(default=AgreementKind.DEVELOPMENT, examples=["development"])
    title: AgreementTitle = ""
    parties: Parties = []
    amount: Money | None = Field(default=None, description="万元")
    technology_amount: Money | None = Field(
        default=None, description="万元，技术交易额，不超过总额", examples=["40"]
    )
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    starts_on: Day | None = None
    ends_on: Day | None = None


class AgreementCreate(AgreementUpdate):
    kind: AgreementKind = Field(examples=[AgreementKind.DEVELOPMENT])
    title: AgreementTitle


class Signing(Body):
    signed_on: Day = Field(description="today at the latest", examples=["2026-04-20"])


class Registering(Body):
    registration_number: Registration


class AgreementBody(RecordBody):
    """协议或技术合同."""

    docking_id: UUID
    side: Side = Field(description="who entered it", examples=[Side.ENTERPRISE])
    kind: AgreementKind = Field(examples=[AgreementKind.DEVELOPMENT])
    title: str = Field(examples=["锦纶袜浅色黄变控制技术开发合同"])
    parties: list[str] = Field(examples=[["演示·义乌足韵袜业有限公司", "演示·东吴纺织大学"]])
    amount: StoredMoney | None = Field(description="万元", examples=["50"])
    technology_amount: StoredMoney | None = Field(description="万元", examples=["40"])
    currency: str = Field(examples=["CNY"])
    starts_on: date | None
    ends_on: date | None
    signed_on: date | None
    registration_number: str = Field(examples=["2026330782000123"])
    state: AgreementState = Field(examples=[AgreementState.SIGNED])
    allowed_actions: list[str] = Field(examples=[["perform", "register"]])


class AgreementQuery(PageQuery):
    docking_id: UUID | None = None
    kind: AgreementKind | None = None
    state: AgreementState | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"
