"""The document that clients were made from is kept in the tree, and what it says still holds."""

from fastapi import FastAPI

from scripts.compatibility.documents import breaking_changes
from scripts.openapi import RELEASED, as_text, released_document


def test_no_change_breaks_a_client(application: FastAPI) -> None:
    found = breaking_changes(released_document(), application.openapi())
    assert not found, "clients of the released document break:\n" + "\n".join(found)


def test_the_released_document_is_this_one(application: FastAPI) -> None:
    is_fresh = RELEASED.read_text(encoding="utf-8") == as_text(application.openapi())
    assert is_fresh, "the interface has changed: run `make openapi` and look at the difference"
