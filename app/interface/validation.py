"""What is wrong with a payload, field by field, in words for people."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.interface.language import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One fault: a JSON Pointer (or parameter name), a stable code, a sentence."""

    pointer: str
    code: str
    message: Text


def fields_of(errors: Sequence[FieldError]) -> list[str]:
    """The names of the fields that are at fault."""
    return [error.pointer.removeprefix("/") for error in errors]


# Pydantic lists them in English: 'a', 'b' or 'c'.
ALTERNATIVES = frozenset({"expected", "expected_tags"})
LISTS = re.compile(", | or ")
MEMBER = re.compile(r"<\w+\.\w+: ([^>]+)>")  # of an enum in a Literal, <Side.EXPERT: 'expert'>
MESSAGES: Mapping[str, Text] = {
    "missing": Text("必填", "Required"),
    "extra_forbidden": Text("没有这个字段", "No such field"),
    "string_type": Text("应为文本", "Should be text"),
    "string_too_long": Text("不得超过 {max_length} 字", "At most {max_length} characters"),
    "string_too_short": Text("不得少于 {min_length} 字", "At least {min_length} characters"),
    "string_pattern_mismatch": Text("格式不正确", "The format is not right"),
    "too_long": Text("不得超过 {max_length} 项", "At most {max_length} items"),
    "too_short": Text("不得少于 {min_length} 项", "At least {min_length} items"),
    "int_type": Text("应为整数", "Should be a whole number"),
    "int_parsing": Text("应为整数", "Should be a whole number"),
    "int_parsing_size": Text("数字过大", "The number is too large"),
    "int_from_float": Text("应为整数", "Should be a whole number"),
    "float_type": Text("应为数字", "Should be a number"),
    "float_parsing": Text("应为数字", "Should be a number"),
    "finite_number": Text("应为有限的数字", "Should be a finite number"),
    "string_unicode": Text("含有无效字符", "Holds invalid characters"),
    "bool_type": Text("应为 true 或 false", "Should be true or false"),
    "bool_parsing": Text("应为 true 或 false", "Should be true or false"),
    "list_type": Text("应为列表", "Should be a list"),
    "enum": Text("可选值：{expected}", "One of {expected}"),
    "literal_error": Text("可选值：{expected}", "One of {expected}"),
    "greater_than_equal": Text("不得小于 {ge}", "At least {ge}"),
    "less_than_equal": Text("不得大于 {le}", "At most {le}"),
    "greater_than": Text("应大于 {gt}", "More than {gt}"),
    "less_than": Text("应小于 {lt}", "Less than {lt}"),
    "uuid_type": Text("应为 UUID", "Should be a UUID"),
    "uuid_parsing": Text("应为 UUID", "Should be a UUID"),
    "date_from_datetime_parsing": Text("应为日期 YYYY-MM-DD", "Should be a date YYYY-MM-DD"),
    "date_from_datetime_inexact": Text("应为日期 YYYY-MM-DD", "Should be a date YYYY-MM-DD"),
    "date_type": Text("应为日期 YYYY-MM-DD", "Should be a date YYYY-MM-DD"),
    "date_parsing": Text("应为日期 YYYY-MM-DD", "Should be a date YYYY-MM-DD"),
    "datetime_parsing": Text("应为 RFC 3339 时间", "Should be an RFC 3339 time"),
    "datetime_from_date_parsing": Text("应为 RFC 3339 时间", "Should be an RFC 3339 time"),
    "datetime_type": Text("应为 RFC 3339 时间", "Should be an RFC 3339 time"),
    "timezone_aware": Text("时间应带时区", "The time needs its time zone"),
    "decimal_type": Text("应为数字", "Should be a number"),
    "decimal_max_places": Text(
        "小数不得超过 {decimal_places} 位", "At most {decimal_places} decimals"
    ),
    "decimal_max_digits": Text("不得超过 {max_digits} 位数字", "At most {max_digits} digits"),
    "decimal_whole_digits": Text(
        "整数部分不得超过 {whole_digits} 位", "At most {whole_digits} digits before the point"
    ),
    "decimal_parsing": Text("应为数字", "Should be a number"),
    "json_invalid": Text("不是有效的 JSON", "Not valid JSON"),
    "model_type": Text("应为 JSON 对象", "Should be a JSON object"),
    "dict_type": Text("应为 JSON 对象", "Should be a JSON object"),
    "union_tag_invalid": Text("可选值：{expected_tags}", "One of {expected_tags}"),
    "union_tag_not_found": Text("缺少 {discriminator}", "Needs {discriminator}"),
    "model_attributes_type": Text("应为 JSON 对象", "Should be a JSON object"),
}


NO_BODY = Text("缺少 JSON 请求体", "The JSON body is missing")


def field_errors(found: Sequence[Any]) -> list[FieldError]:
    """Pydantic's error list as field errors; the first hundred, which is enough to act on."""
    return [
        FieldError(pointer=_pointer(item), code=item["type"], message=_message(item))
        for item in found[:100]
    ]


def _message(item: Mapping[str, Any]) -> Text:
    context = item.get("ctx") or {}
    if item["type"] == "missing" and item["loc"] == ("body",):
        return NO_BODY
    if text := context.get("text"):
        return Text(*text)
    # Pydantic counts a secret's characters with the words it has for lists.
    is_secret = context.get("field_type") == "Value"
    template = MESSAGES.get(f"string_{item['type']}" if is_secret else item["type"])
    if template is None:
        message = str(item["msg"])
        return Text(f"内容不正确：{message}", message)
    listed = {n: MEMBER.sub(r"\1", str(context[n])) for n in ALTERNATIVES & set(context)}
    in_chinese = {name: LISTS.sub("、", values) for name, values in listed.items()}
    return Text(template.zh.format(**context | in_chinese), template.en.format(**context | listed))


def _pointer(item: Mapping[str, Any]) -> str:
    """('body', 'keywords', 3) → '/keywords/3'; ('query', 'limit') → 'limit'."""
    if item["type"] == "json_invalid":
        return ""  # its location is a number of characters
    source, *path = [str(part) for part in item["loc"]]
    escaped = [part.replace("~", "~0").replace("/", "~1") for part in path]
    if source == "body":
        return "".join("/" + part for part in escaped)
    return (
        "/".join(path)
        if source in ("query", "path", "header")
        else "/" + "/".join([source, *escaped])
    )
