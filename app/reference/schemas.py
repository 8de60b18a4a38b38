"""Bodies and filters of the code tables."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.interface.schemas import Body, text_of


class CodeBody(BaseModel):
    """One code; `parent_code` and `level` are null in flat tables."""

    model_config = ConfigDict(from_attributes=True)

    code: str = Field(examples=["330782"])
    name: str = Field(examples=["义乌市"])
    name_en: str | None = Field(default=None, examples=[None])
    parent_code: str | None = Field(default=None, examples=["330700"])
    level: str | None = Field(default=None, examples=["county"])


class CodeQuery(Body):
    """Codes are few enough that one answer holds a whole level."""

    parent_code: Annotated[str | None, Field(pattern=r"^[A-Z0-9]{1,7}$", examples=["330700"])] = (
        None
    )
    level: (
        Literal["province", "city", "county", "section", "division", "group", "first", "second"]
        | None
    ) = None
    text: Annotated[str | None, text_of(50), Field(examples=["义乌"])] = None
    limit: Annotated[int, Field(ge=1, le=5000)] = 500
