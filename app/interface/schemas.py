"""What the domains' bodies share: strict requests, record responses, bounded texts."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self, get_args
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

# PostgreSQL stores no NUL; other control characters are no text for people either.
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
MAX_UNKNOWN = 50  # fields of a body that it does not have, each of which is told
# Printable ASCII, whose lower case is never longer.
EMAIL_PATTERN = r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$"
NUMBER = re.compile(r"\s*[-+]?\d+\.?\d*\s*")


def text_of(max_length: int, *, min_length: int | None = None) -> Any:
    """The constraints of a trimmed text."""
    return StringConstraints(
        strip_whitespace=True, min_length=min_length, max_length=max_length, pattern=TEXT_PATTERN
    )


def opaque_of(max_length: int, *, min_length: int | None = None) -> Any:
    """The constraints of what programs hand on unread: printable ASCII, nothing trimmed."""
    return StringConstraints(min_length=min_length, max_length=max_length, pattern=r"^[ -~]*$")


ShortText = Annotated[str, text_of(100, min_length=1)]
Line = Annotated[str, text_of(300)]
FormText = Annotated[str, text_of(5_000)]
LongText = Annotated[str, text_of(20_000)]
Phone = Annotated[str, text_of(40), Field(examples=["0579-85550100"])]
StoredEmail = Annotated[str, text_of(254), Field(examples=["li@demo.invalid"])]
# JSON has flags and numbers of its own: 0 is no false, and "12" no 12.
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Real = Annotated[float, Strict()]
Texts = Annotated[list[Annotated[str, text_of(300, min_length=1)]], Field(max_length=50)]


def _address(text: str) -> str:
    """The same rule as for the e-mail of an account; none is none."""
    if text and not re.match(EMAIL_PATTERN, text):
        message = ("不是电子邮箱", "Not an e-mail address")
        raise PydanticCustomError("bad_email", "bad e-mail", {"text": message})
    return text


ContactEmail = Annotated[StoredEmail, AfterValidator(_address)]


def _not_classified(is_classified: bool) -> bool:
    if is_classified:
        message = (
            "涉密内容不得录入本系统，请按保密规定办理",
            "Classified content must not be entered here; follow the rules of secrecy",
        )
        raise PydanticCustomError("confidential", "classified", {"text": message})
    return is_classified


# 涉密: what states that it is classified must not even be stored here.
Unclassified = Annotated[
    Flag,
    Field(description="涉密内容不得录入；true 会被拒绝 · true is refused"),
    AfterValidator(_not_classified),
]


def _written_out(value: object) -> object:
    """Refuse numbers, also as text, which Pydantic would take for seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        message = ("应为文本形式的日期或时间", "Should be a date or time as text")
        raise PydanticCustomError("date_as_number", "date as number", {"text": message})
    return value


# PostgreSQL stores years that Python cannot read back.
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
    BeforeValidator(_written_out),
]
Day = Annotated[
    date, Field(ge=date(1900, 1, 1), lt=date(2200, 1, 1)), BeforeValidator(_written_out)
]


def tag_of(name: str, *models: type[BaseModel]) -> BeforeValidator:
    """Of a union that the field `name` tells apart: who leaves it out is told what it may be."""
    tags = [repr(tag) for model in models for tag in get_args(model.model_fields[name].annotation)]
    zh = f"缺少 {name!r}，可选值：{'、'.join(tags)}"
    en = f"Needs {name!r}, one of {', '.join(tags)}"

    def require(sent: object) -> object:
        if isinstance(sent, dict) and name not in sent:
            raise PydanticCustomError("union_tag_not_found", "no tag", {"text": (zh, en)})
        return sent

    return BeforeValidator(require)


class Body(BaseModel):
    """A request: unknown fields are refused, so that a misspelt one is not lost silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _require_few_names(cls, sent: object) -> object:
        """Or each of a hundred thousand unknown names would get an error of its own."""
        if isinstance(sent, dict) and len(sent) > len(cls.model_fields) + MAX_UNKNOWN:
            message = ("未知字段过多", "There are too many unknown fields")
            raise PydanticCustomError("too_many_fields", "too many fields", {"text": message})
        return sent

    def changes(self) -> dict[str, Any]:
        """The fields the client sent, for JSON Merge Patch."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def sent_names(self) -> set[str]:
        """The names of the fields the client sent, those of the bodies within it, too."""
        names = set(self.model_fields_set)
        for value in self.changes().values():
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, Body):
                    names |= part.sent_names()
        return names


class VersionedBody(BaseModel):
    """A response that has an entity tag."""

    model_config = ConfigDict(from_attributes=True)

    version: int = Field(description="the first part of the ETag", examples=[1])


class RecordBody(VersionedBody):
    """A response that shows one stored record."""

    id: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, record: object, **computed: object) -> Self:
        """The record's columns of the same names, and what is computed for this reader."""
        stored = {n: getattr(record, n) for n in cls.model_fields if n not in computed}
        return cls.model_validate(stored | computed)


class TriableBody(RecordBody):
    """A record that was made, or what it would be: 200 without an entity tag then, see `routing`.

    Nothing of a dry run is stored, so that its own id leads nowhere.
    """

    is_dry_run: bool = False


class Reason(Body):
    """Why a step is taken; people on the other side read it."""

    reason: Annotated[str, text_of(500, min_length=1), Field(examples=["指标缺少现有水平，请补充"])]
