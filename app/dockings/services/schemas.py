"""Request and response bodies of service records."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from app.demands.schemas import without_trailing_zeros
from app.dockings.models import Side
from app.dockings.ratings.schemas import Score
from app.dockings.services.models import ServiceKind, ServiceRecordState
from app.interface.pagination import PageQuery
from app.interface.schemas import Body, Day, FormText, Line, RecordBody

Hours = Annotated[
    Decimal,
    Field(gt=0, le=1000, decimal_places=1, examples=["3.5"]),
    AfterValidator(without_trailing_zeros),
]
StoredHours = Annotated[Decimal, AfterValidator(without_trailing_zeros)]


class ServiceRecordFields(Body):
    """What was done for the enterprise on a day."""

    kind: ServiceKind = Field(examples=[ServiceKind.DIAGNOSIS])
    served_on: Day = Field(description="today at the latest", examples=["2026-03-12"])
    hours: Hours
    place: Annotated[Line, Field(examples=["义乌工厂染色车间"])] = ""
    summary: Annotated[FormText, Field(examples=["定位黄变来自定型温度与整理剂"])] = ""


class DockingService(ServiceRecordFields):
    corps_id: UUID | None = Field(
        default=None, description="which it counts for; its expert is a member", examples=[None]
    )


class CorpsService(ServiceRecordFields):
    """What a corps has done for an enterprise with which none of it is docked."""

    organization_id: UUID = Field(description="the enterprise that is asked to confirm it")
    expert_id: UUID | None = Field(
        default=None, description="the member who did it; null: several", examples=[None]
    )


class Confirmation(Body):
    satisfaction: Score | None = Field(default=None, description="5 is the best", examples=[5])
    on_behalf_of: Literal[Side.ENTERPRISE] | None = Field(
        default=None, description="by staff, of an enterprise that has told them so"
    )


class ServiceRecordBody(RecordBody):
    """服务记录."""

    docking_id: UUID | None
    corps_id: UUID | None = Field(description="which it counts for", examples=[None])
    organization_id: UUID | None = Field(
        description="whom a corps has served without a docking", examples=[None]
    )
    expert_id: UUID | None = Field(description="who of the corps did so", examples=[None])
    side: Side = Field(description="who entered it", examples=[Side.EXPERT])
    kind: ServiceKind = Field(examples=[ServiceKind.DIAGNOSIS])
    served_on: date
    hours: StoredHours = Field(examples=["3.5"])
    place: str = Field(examples=["义乌工厂染色车间"])
    summary: str = Field(examples=["定位黄变来自定型温度与整理剂"])
    state: ServiceRecordState = Field(examples=[ServiceRecordState.RECORDED])
    state_reason: str = Field(description="why it was disputed", examples=[""])
    satisfaction: int | None = Field(description="5 is the best", examples=[None])
    confirmed_at: datetime | None = Field(examples=[None])
    is_noted_by_staff: bool = Field(description="staff noted down what the enterprise said")
    allowed_actions: list[str] = Field(examples=[["confirm", "dispute"]])


class ServiceRecordQuery(PageQuery):
    docking_id: UUID | None = None
    corps_id: UUID | None = None
    organization_id: UUID | None = None
    kind: ServiceKind | None = None
    state: ServiceRecordState | None = None
    served_on_gte: Day | None = None
    served_on_lte: Day | None = None
    sort: Literal["created_at", "-created_at", "served_on", "-served_on"] = "-created_at"
