"""Request and response bodies of personal data."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.accounts.schemas import OwnPassword
from app.interface.schemas import Body


class Section(BaseModel):
    """The rows of one table that are about the person; secrets are left out."""

    name: str = Field(examples=["evidence"])
    rows: list[dict[str, Any]] = Field(examples=[[{"title": "一种锦纶低温染色方法", "year": 2023}]])
    is_cut: bool = Field(description="false: an export holds everything")


class PersonalData(BaseModel):
    """All that is held on a person."""

    exported_at: datetime
    sections: list[Section]


class OwnErasure(Body):
    """The password once more, since nothing of this can be undone."""

    password: OwnPassword = None
