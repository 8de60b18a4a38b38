"""Pydantic's findings as pointers, stable codes and sentences in both languages."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from app.accounts.schemas import SignIn
from app.experts.models import ExpertKind
from app.interface.language import Text
from app.interface.schemas import tag_of
from app.interface.validation import MESSAGES, field_errors


class Inner(BaseModel):
    year: Annotated[int, Field(ge=1900, lt=2100)]


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]*$")] = "ab"
    whole: Annotated[int, Field(gt=0, le=9)] = 1
    number: float = 1.0
    decimal: Annotated[Decimal, Field(max_digits=4, decimal_places=2)] = Decimal(1)
    truth: bool = True
    kind: ExpertKind = ExpertKind.EXPERT
    word: Literal["exact"] = "exact"
    id: UUID | None = None
    day: date | None = None
    moment: datetime | None = None
    aware: AwareDatetime | None = None
    items: Annotated[list[Inner], Field(min_length=1, max_length=2)] = [Inner(year=2000)]
    inner: Inner | None = None


FAULTS: list[tuple[Any, str, str]] = [
    ({"text": "abcde"}, "/text", "string_too_long"),
    ({"text": "a"}, "/text", "string_too_short"),
    ({"text": "AB"}, "/text", "string_pattern_mismatch"),
    ({"text": None}, "/text", "string_type"),
    ({"text": "\ud800a"}, "/text", "string_unicode"),
    ({"whole": "x"}, "/whole", "int_parsing"),
    ({"whole": 1.5}, "/whole", "int_from_float"),
    ({"whole": []}, "/whole", "int_type"),
    ({"whole": "9" * 5000}, "/whole", "int_parsing_size"),
    ({"whole": 0}, "/whole", "greater_than"),
    ({"whole": 10}, "/whole", "less_than_equal"),
    ({"number": "x"}, "/number", "float_parsing"),
    ({"number": None}, "/number", "float_type"),
    ({"decimal": "x"}, "/decimal", "decimal_parsing"),
    ({"decimal": []}, "/decimal", "decimal_type"),
    ({"decimal": "1.234"}, "/decimal", "decimal_max_places"),
    ({"decimal": "12345"}, "/decimal", "decimal_max_digits"),
    ({"decimal": "123.45"}, "/decimal", "decimal_max_digits"),
    ({"decimal": float("nan")}, "/decimal", "finite_number"),
    ({"truth": "maybe"}, "/truth", "bool_parsing"),
    ({"truth": None}, "/truth", "bool_type"),
    ({"kind": "wizard"}, "/kind", "enum"),
    ({"word": "inexact"}, "/word", "literal_error"),
    ({"id": "x"}, "/id", "uuid_parsing"),
    ({"id": 1}, "/id", "uuid_type"),
    ({"day": "yesterday"}, "/day", "date_from_datetime_parsing"),
    ({"day": "2026-01-01T10:00:00"}, "/day", "date_from_datetime_inexact"),
    ({"day": []}, "/day", "date_type"),
    ({"moment": "now"}, "/moment", "datetime_from_date_parsing"),
    ({"moment": []}, "/moment", "datetime_type"),
    ({"aware": "2026-01-01T10:00:00"}, "/aware", "timezone_aware"),
    ({"items": []}, "/items", "too_short"),
    ({"items": [{"year": 2000}] * 3}, "/items", "too_long"),
    ({"items": {}}, "/items", "list_type"),
    ({"items": [{"year": 2000}, {"year": 1}]}, "/items/1/year", "greater_than_equal"),
    ({"items": [{"year": 2000}, {}]}, "/items/1/year", "missing"),
    ({"inner": {"year": 2100}}, "/inner/year", "less_than"),
    ({"inner": 3}, "/inner", "model_type"),
    ({"a/b~c": 1}, "/a~1b~0c", "extra_forbidden"),
    ("no object", "", "model_type"),
]


def _found(payload: Any) -> list[Any]:
    """The findings as FastAPI hands them on, with the body at the head of each location."""
    try:
        Everything.model_validate(payload)
    except ValidationError as error:
        found = [item | {"loc": ("body", *item["loc"])} for item in error.errors()]
        return list(RequestValidationError(found).errors())
    raise AssertionError("the payload was accepted")


@pytest.mark.parametrize(("payload", "pointer", "code"), FAULTS)
def test_every_fault_has_pointer_code_and_sentence(payload: Any, pointer: str, code: str) -> None:
    [error] = field_errors(_found(payload))
    assert (error.pointer, error.code) == (pointer, code)
    assert code in MESSAGES
    assert "{" not in error.message.zh + error.message.en
    assert not error.message.zh.isascii()
    assert error.message.en.isascii()


def test_parameters_are_named_without_a_slash() -> None:
    [error] = field_errors([{"type": "missing", "loc": ("query", "limit"), "msg": "", "ctx": {}}])
    assert error.pointer == "limit"


def test_place_in_broken_json_is_no_pointer() -> None:
    [error] = field_errors([{"type": "json_invalid", "loc": ("body", 17), "msg": "", "ctx": {}}])
    assert error.pointer == ""


def test_a_flood_of_faults_is_cut() -> None:
    item = {"type": "missing", "loc": ("body", "x"), "msg": "", "ctx": {}}
    assert len(field_errors([item] * 5000)) == 100


def test_a_flood_of_unknown_fields_is_one_error() -> None:
    with pytest.raises(ValidationError) as refused:
        SignIn.model_validate({str(n): 0 for n in range(100_000)})
    assert [error["type"] for error in refused.value.errors()] == ["too_many_fields"]


def test_what_may_be_said_is_listed_as_each_language_lists() -> None:
    """Pydantic joins the values by an English word."""

    class Choice(BaseModel):
        encoder: Literal["local", "remote", "none"]

    with pytest.raises(ValidationError) as refused:
        Choice.model_validate({"encoder": "gpu"})
    [fault] = field_errors([{**refused.value.errors()[0], "loc": ("query", "encoder")}])
    assert fault.message.zh == "可选值：'local'、'remote'、'none'"
    assert fault.message.en == "One of 'local', 'remote' or 'none'"


def test_some_of_an_enums_values_are_listed_as_all_of_them_are() -> None:
    """Pydantic writes them as Python does."""

    class Choice(BaseModel):
        one: Literal[ExpertKind.EXPERT]
        some: Literal[ExpertKind.EXPERT, ExpertKind.ACADEMICIAN]

    with pytest.raises(ValidationError) as refused:
        Choice.model_validate({"one": "wizard", "some": "wizard"})
    one, some = field_errors([e | {"loc": ("body", *e["loc"])} for e in refused.value.errors()])
    assert one.message == Text("可选值：'expert'", "One of 'expert'")
    assert some.message == Text(
        "可选值：'expert'、'academician'", "One of 'expert' or 'academician'"
    )


def test_who_leaves_out_what_tells_a_union_apart_is_told_what_it_may_be() -> None:
    class Circle(BaseModel):
        shape: Literal["circle"]

    class Angular(BaseModel):
        shape: Literal["square", "triangle"]

    class Drawing(BaseModel):
        drawn: Annotated[
            Circle | Angular, Field(discriminator="shape"), tag_of("shape", Circle, Angular)
        ]

    with pytest.raises(ValidationError) as refused:
        Drawing.model_validate({"drawn": {}})
    [fault] = field_errors([{**refused.value.errors()[0], "loc": ("body", "drawn")}])
    assert (fault.pointer, fault.code) == ("/drawn", "union_tag_not_found")
    assert fault.message.zh == "缺少 'shape'，可选值：'circle'、'square'、'triangle'"
    assert fault.message.en == "Needs 'shape', one of 'circle', 'square', 'triangle'"
    assert Drawing.model_validate({"drawn": {"shape": "square"}}).drawn.shape == "square"
