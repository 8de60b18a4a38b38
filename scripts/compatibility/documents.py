"""What of an OpenAPI document's promises another document breaks."""

from collections.abc import Iterator
from typing import Any

from scripts.compatibility.schemas import Schema, SchemaComparison, Side


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """A sentence for everything that a client made from `old` would stumble over in `new`."""
    return list(dict.fromkeys(_DocumentComparison(old, new).breaks()))


class _DocumentComparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        # Pairs of types of which nothing is to be told, whichever operation they are of.
        self._alike: dict[Side, set[tuple[str, str]]] = {"request": set(), "answer": set()}

    def breaks(self) -> Iterator[str]:
        for name in self._old["components"]["schemas"]:
            if name not in self._new["components"]["schemas"]:
                yield f"the type {name} has gone"
        for path, operations in self._old["paths"].items():
            for method, operation in operations.items():
                at = f"{method.upper()} {path}"
                found = self._new["paths"].get(path, {}).get(method)
                if found is None:
                    yield f"{at} has gone"
                else:
                    yield from self._of_operation(operation, found, at)

    def _of_operation(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{at} is called {new['operationId']}, was {old['operationId']}"
        if new.get("security") and not old.get("security"):
            yield f"{at} wants a signed-in caller now"
        yield from self._of_parameters(old, new, at)
        yield from self._of_body(old.get("requestBody"), new.get("requestBody"), at)
        yield from self._of_answers(old["responses"], new["responses"], at)

    def _of_parameters(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, after = _parameters(self._old, old), _parameters(self._new, new)
        for key, parameter in before.items():
            if key in after:
                yield from self._of_schemas(
                    parameter["schema"], after[key]["schema"], f"{at} {key}", "request"
                )
            else:
                yield f"{at} {key} has gone"
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{at} {key} is required now"

    def _of_body(self, old: Schema | None, new: Schema | None, at: str) -> Iterator[str]:
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield f"{at} needs a body now"
        if old is not None and new is None:
            yield f"{at} takes no body any more"
        elif old is not None and new is not None:
            yield from self._of_contents(old["content"], new["content"], f"{at} body", "request")

    def _of_answers(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        """The good answers; of problems, `code` is the contract, and more of them may come."""
        before, after = _good(self._old, old), _good(self._new, new)
        yield from (
            f"{at} answers no {status} any more" for status in before if status not in after
        )
        yield from (f"{at} may now answer {status}" for status in after if status not in before)
        for status in (s for s in before if s in after):
            was, now, place = before[status], after[status], f"{at} {status}"
            for header in was.get("headers", {}):
                if header not in now.get("headers", {}):
                    yield f"{place} has no {header} any more"
            yield from self._of_contents(
                was.get("content", {}), now.get("content", {}), place, "answer"
            )

    def _of_contents(self, old: Schema, new: Schema, at: str, side: Side) -> Iterator[str]:
        for media, content in old.items():
            if media not in new:
                yield f"{at} is {media} no more"
            else:
                yield from self._of_schemas(_shown(content), _shown(new[media]), at, side)

    def _of_schemas(self, old: Schema, new: Schema, at: str, side: Side) -> list[str]:
        comparison = SchemaComparison(
            old_schemas=self._old["components"]["schemas"],
            new_schemas=self._new["components"]["schemas"],
            side=side,
            found={pair: [] for pair in self._alike[side]},
        )
        broken = comparison.breaks(old, new, at)
        # One that holds another may have been found alike while that was still compared.
        if not broken and not any(comparison.found.values()):
            self._alike[side] = set(comparison.found)
        return broken


def _parameters(document: Schema, operation: Schema) -> dict[str, Schema]:
    found = [_resolved(document, one) for one in operation.get("parameters", ())]
    return {f"{one['in']} parameter {one['name']}": one for one in found}


def _good(document: Schema, answers: Schema) -> dict[str, Schema]:
    return {
        status: _resolved(document, answer)
        for status, answer in answers.items()
        if status.startswith("2")
    }


def _shown(content: Schema) -> Schema:
    """The schema of the whole, or of each item of a stream."""
    return dict(content.get("schema") or content.get("itemSchema") or {})


def _resolved(document: Schema, part: Schema) -> Schema:
    """A parameter or answer, itself or where its reference leads."""
    found: Any = part
    if reference := part.get("$ref"):
        _, _, kind, name = reference.split("/")
        found = document["components"][kind][name]
    return dict(found)
