"""Attributes of records whose columns hold ciphertext.

    contact_phone_sealed: Mapped[str] = mapped_column("contact_phone", default="")
    contact_phone = Sealed()

The column keeps its name; the attribute reads and writes the text itself. As it is no column,
nothing can search or sort by it. `SealedBytes` is the same of a file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, overload
from uuid import UUID

from sqlalchemy import LargeBinary, Table
from sqlalchemy.orm import class_mapper

from app.database import Base, Record
from app.encryption.keys import KeyRing

_ring: KeyRing | None = None


def unlock(ring: KeyRing) -> None:
    """Give this process its keys; before that, sealed attributes can neither be read nor set."""
    global _ring
    _ring = ring


def ring() -> KeyRing:
    """The keys of this process; raises RuntimeError if nobody has unlocked it."""
    if _ring is None:
        raise RuntimeError("this process has no encryption keys")
    return _ring


def place_of(table: str, column: str, record_id: UUID) -> str:
    """What binds a value to its cell."""
    return f"{table}.{column}.{record_id}"


class SealedAttribute:
    """What an attribute knows of the column that holds its ciphertext."""

    def __set_name__(self, owner: type[Record], name: str) -> None:
        self.name = name
        self._stored = f"{name}_sealed"

    def _place(self, record: Record) -> str:
        return place_of(record.__tablename__, self.name, record.id)


class Sealed(SealedAttribute):
    """A text that the database never sees; empty texts stay empty, as there is nothing to hide."""

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...

    @overload
    def __get__(self, record: Record, owner: type[Record]) -> str: ...

    def __get__(self, record: Record | None, owner: type[Record]) -> Self | str:
        if record is None:
            return self
        return ring().open(getattr(record, self._stored) or "", self._place(record))

    def __set__(self, record: Record, text: str) -> None:
        """A text that the record has already is not sealed anew: that would be a new version."""
        if getattr(record, self._stored) is None or self.__get__(record, type(record)) != text:
            sealed = ring().seal(text, self._place(record)) if text else ""
            setattr(record, self._stored, sealed)


class SealedBytes(SealedAttribute):
    """Bytes that the database never sees, or none; a thread is the place for megabytes of them."""

    @overload
    def __get__(self, record: None, owner: type[Record]) -> Self: ...

    @overload
    def __get__(self, record: Record, owner: type[Record]) -> bytes | None: ...

    def __get__(self, record: Record | None, owner: type[Record]) -> Self | bytes | None:
        if record is None:
            return self
        stored: bytes | None = getattr(record, self._stored)
        return None if stored is None else ring().open_bytes(stored, self._place(record))

    def __set__(self, record: Record, content: bytes | None) -> None:
        sealed = None if content is None else ring().seal_bytes(content, self._place(record))
        setattr(record, self._stored, sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTable:
    """A table with the names of its sealed columns."""

    table: Table
    columns: tuple[str, ...]

    @property
    def holds_files(self) -> bool:
        """Whether a few rows are too much for the memory."""
        return any(isinstance(self.table.c[name].type, LargeBinary) for name in self.columns)


def sealed_tables() -> Iterator[SealedTable]:
    """Every table that holds ciphertext, by name."""
    types = sorted((mapper.class_ for mapper in Base.registry.mappers), key=lambda t: t.__name__)
    for record_type in types:
        attributes = vars(record_type).items()
        names = tuple(name for name, value in attributes if isinstance(value, SealedAttribute))
        table = class_mapper(record_type).local_table
        if names and isinstance(table, Table):
            yield SealedTable(table=table, columns=names)
