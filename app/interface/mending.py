"""Where FastAPI's document says too much or too little for those who make clients from it."""

from collections import Counter
from typing import Any

Schema = dict[str, Any]


def say_null(operation: Schema) -> None:
    """An endpoint without a result answers `null`, not just anything."""
    for answer in operation["responses"].values():
        for media in answer.get("content", {}).values():
            if media.get("schema") == {}:
                media["schema"] = {"type": "null"}


def forget_defaults(operation: Schema, schemas: Schema) -> None:
    """What a change leaves out stays as it is; a client that sent the defaults would erase it."""
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    for field in schemas[body["$ref"].rpartition("/")[2]]["properties"].values():
        field.pop("default", None)


def share_problems(document: Schema) -> None:
    """Problems are the same nearly everywhere; written out they were two fifths of the document."""
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    shared: Schema = {}
    for status in sorted({code for o in operations for code in o["responses"] if code >= "4"}):
        answers = [o["responses"][status] for o in operations if status in o["responses"]]
        [(usual, _)] = Counter(map(repr, answers)).most_common(1)
        name = f"Problem{status}"
        for operation in operations:
            if repr(operation["responses"].get(status)) == usual:
                shared[name] = operation["responses"][status]
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    document["components"]["responses"] = shared
