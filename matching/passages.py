"""What of a candidate is read: its whole text for terms, its statement and passages for vectors.

A profile statement is a long list of directions; cut into passages of up to 60 characters, what
stands at its end is found as well as what stands first. Every other document is one passage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

from matching.text import fold
from matching.types import Candidate

PASSAGE_LENGTH = 60
LONGEST_TEXT = 2_000
_ITEMS = re.compile(r"(?<=[;；。、，,!！?？\s])")
_EMPTY = " \t\r\n-;；。、，,!！?？"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a candidate: folded documents, the statement, each document's passages."""

    documents: list[str]
    statement: str
    passages: list[list[str]]

    @property
    def text(self) -> str:
        """All documents as one text in lower case, for the lexical space."""
        return "\n".join(self.documents).lower()


def read(candidate: Candidate) -> Reading:
    """Fold the texts of a candidate and cut them into passages."""
    documents = [fold(document.text) for document in candidate.documents]
    statement = documents[0][:LONGEST_TEXT] if documents else ""
    passages = [split(statement)] if documents else []
    passages += [[text[:LONGEST_TEXT]] if text else [] for text in documents[1:]]
    return Reading(documents=documents, statement=statement, passages=passages)


def texts_to_encode(candidate: Candidate) -> list[str]:
    """Return the distinct texts whose vectors the candidate needs: the statement, all passages."""
    reading = read(candidate)
    texts = [reading.statement, *chain.from_iterable(reading.passages)]
    return [text for text in dict.fromkeys(texts) if text]


def split(text: str, length: int = PASSAGE_LENGTH) -> list[str]:
    """Cut a text into passages of up to `length` characters, between items where possible."""
    passages, current = [], ""
    for item in _ITEMS.split(text):
        if current and len(current) + len(item) > length:
            passages.append(current)
            current = ""
        current += item
        while len(current) > length * 3 // 2:
            passages.append(current[:length])
            current = current[length:]
    passages.append(current)
    return [passage.strip() for passage in passages if passage.strip(_EMPTY)]
