"""What of a candidate is read: its whole text for terms, its statement and passages for vectors.

A profile statement is a long list of directions; cut into passages of up to 60 characters, what
stands at its end is found as well as what stands first. Every other document is one passage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from matching.text import fold
from matching.types import Candidate

PASSAGE_LENGTH = 60
LONGEST_TEXT = 2_000
_ITEMS = re.compile(r"(?<=[;；。、，,!！?？\s])")
_EMPTY = " \t\r\n-;；。、，,!！?？"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The folded documents of a candidate, the statement first, and what is made of them."""

    documents: list[str]

    @property
    def text(self) -> str:
        """All documents as one text in lower case, for the lexical space."""
        return "\n".join(self.documents).lower()

    @property
    def statement(self) -> str:
        """The profile statement as it is encoded, empty when there is none."""
        return self.documents[0][:LONGEST_TEXT] if self.documents else ""

    @cached_property
    def passages(self) -> list[list[str]]:
        """The passages of each document."""
        others = [[text[:LONGEST_TEXT]] if text else [] for text in self.documents[1:]]
        return [split(self.statement), *others] if self.documents else []


def read(candidate: Candidate) -> Reading:
    """Fold the texts of a candidate."""
    return Reading(documents=[fold(document.text) for document in candidate.documents])


def texts_to_encode(candidate: Candidate) -> list[str]:
    """Return the distinct texts whose vectors the candidate needs: the statement, all passages."""
    reading = read(candidate)
    texts = [reading.statement, *chain.from_iterable(reading.passages)]
    return [text for text in dict.fromkeys(texts) if text]


def split(text: str, length: int = PASSAGE_LENGTH) -> list[str]:
    """Cut a text into passages of up to `length` characters, between items where possible."""
    if len(text) <= length:
        return [text.strip()] if text.strip(_EMPTY) else []
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
