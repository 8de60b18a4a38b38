"""Whether values that fitted a JSON schema still do: of requests the old ones, of answers the new.

A request may hold what it held before; an answer holds what it held before, and may hold more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Schema = dict[str, Any]
Side = Literal["request", "answer"]

PREFIX = "#/components/schemas/"
UPPER_LIMITS = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
LOWER_LIMITS = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
OTHER_LIMITS = ("pattern", "multipleOf", "uniqueItems", "contentMediaType")


@dataclass(frozen=True, kw_only=True)
class SchemaComparison:
    """Compares schemas of two documents; each pair of named ones once, or it would never end."""

    old_schemas: Schema
    new_schemas: Schema
    side: Side
    found: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def breaks(self, old: Schema, new: Schema, at: str) -> list[str]:
        """What a client of the old schema meets with the new one, a sentence each."""
        pair = (old.get("$ref", ""), new.get("$ref", ""))
        if not all(pair):
            return list(self._of_alternatives(old, new, at))
        if pair not in self.found:
            self.found[pair] = []  # a schema that holds itself is as good as its other parts
            self.found[pair] = list(self._of_alternatives(old, new, at))
        return self.found[pair]

    def _of_alternatives(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before = alternatives(old, self.old_schemas)
        after = alternatives(new, self.new_schemas)
        yield from self._of_default(old, new, at)
        if len(before) == len(after) == 1:
            yield from self._of_kinds(before[0], after[0], at)
        elif self.side == "request":
            for one in before:
                found = [list(self._of_kinds(one, other, at)) for other in _akin(one, after)]
                yield from min(found, key=len, default=[f"{at} takes no {_kind(one)} any more"])
        else:
            for one in after:
                found = [list(self._of_kinds(other, one, at)) for other in _akin(one, before)]
                yield from min(found, key=len, default=[f"{at} may now be {_kind(one)}"])

    def _of_kinds(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        if not self._fits_type(old.get("type"), new.get("type")):
            yield f"{at} is {_kind(new)}, was {_kind(old)}"
            return
        yield from self._of_values(old, new, at)
        yield from self._of_format(old, new, at)
        if self.side == "request":
            yield from _of_limits(old, new, at)
        yield from self._of_properties(old, new, at)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
                yield from self.breaks(old[name], new[name], f"{at}[]")

    def _fits_type(self, old: str | None, new: str | None) -> bool:
        narrow, wide = (old, new) if self.side == "request" else (new, old)
        return wide in (None, narrow) or (narrow, wide) == ("integer", "number")

    def _of_values(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        """Values may be added on both sides, since enums are open; none may go."""
        before, after = _values(old), _values(new)
        if before is not None and after is not None:
            for value in (v for v in before if v not in after):
                yield f"{at} knows no {value!r} any more"
        elif after is not None and self.side == "request":
            yield f"{at} takes only {after}"
        elif before is not None and self.side == "answer":
            yield f"{at} may now be anything, was one of {before}"

    def _of_format(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, after = old.get("format"), new.get("format")
        promised, given = (after, before) if self.side == "request" else (before, after)
        if promised not in (None, given):
            yield f"{at} has the format {after}, had {before}"

    def _of_default(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        if self.side == "request" and "default" in old and old["default"] != new.get("default"):
            yield f"{at} defaults to {new.get('default')!r}, did to {old['default']!r}"

    def _of_properties(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name in after:
                yield from self.breaks(before[name], after[name], f"{at}.{name}")
            else:
                yield f"{at}.{name} has gone"
        needed, was_needed = set(new.get("required", ())), set(old.get("required", ()))
        if self.side == "request":
            yield from (f"{at}.{name} is required now" for name in sorted(needed - was_needed))
            if new.get("additionalProperties") is False is not old.get("additionalProperties"):
                yield f"{at} takes no other fields any more"
        else:
            lost = sorted(name for name in was_needed - needed if name in after)
            yield from (f"{at}.{name} may be missing now" for name in lost)


def alternatives(schema: Schema, schemas: Schema) -> list[Schema]:
    """What the schema may be, one plain schema for each type; references are followed."""
    if reference := schema.get("$ref"):
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return alternatives(schemas[reference.removeprefix(PREFIX)] | beside, schemas)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return [one for part in schema[key] for one in alternatives(part, schemas)]
    if parts := schema.get("allOf"):
        return [_together([one for part in parts for one in alternatives(part, schemas)])]
    types = schema.get("type")
    if isinstance(types, list):
        return [schema | {"type": one} for one in types]
    return [schema]


def _together(parts: list[Schema]) -> Schema:
    """What holds for all parts at once."""
    whole: Schema = {}
    for part in parts:
        whole |= part | {
            "properties": whole.get("properties", {}) | part.get("properties", {}),
            "required": [*whole.get("required", ()), *part.get("required", ())],
        }
    return whole


def _akin(schema: Schema, others: list[Schema]) -> list[Schema]:
    """Those of the same type, or of one that it may pass for."""
    kinds = {schema.get("type"), None}
    if kinds & {"integer", "number"}:
        kinds |= {"integer", "number"}
    return [other for other in others if other.get("type") in kinds]


def _kind(schema: Schema) -> str:
    return str(schema.get("type", "anything"))


def _values(schema: Schema) -> list[Any] | None:
    values: list[Any] | None = schema.get("enum")
    return [schema["const"]] if "const" in schema else values


def _of_limits(old: Schema, new: Schema, at: str) -> Iterator[str]:
    for name in UPPER_LIMITS:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{at}: {name} is {new[name]}, was {old.get(name)}"
    for name in LOWER_LIMITS:
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{at}: {name} is {new[name]}, was {old.get(name)}"
    for name in OTHER_LIMITS:
        if new.get(name) not in (None, False, old.get(name)):
            yield f"{at}: {name} is {new[name]}, was {old.get(name)}"
