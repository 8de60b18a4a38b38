"""Read-only tables of standard codes, filled by a migration from the shipped data."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Region(Base):
    """GB/T 2260: provinces, prefectures, counties."""

    __tablename__ = "regions"

    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("regions.code"), index=True)
    level: Mapped[str] = mapped_column(String(20))


class Industry(Base):
    """GB/T 4754: sections, divisions, groups."""

    __tablename__ = "industries"

    code: Mapped[str] = mapped_column(String(4), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("industries.code"), index=True)
    level: Mapped[str] = mapped_column(String(20))


class Discipline(Base):
    """GB/T 13745: disciplines and their branches."""

    __tablename__ = "disciplines"

    code: Mapped[str] = mapped_column(String(7), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("disciplines.code"), index=True)
    level: Mapped[str] = mapped_column(String(20))


class TechnologyField(Base):
    """The fields of the provincial demand forms."""

    __tablename__ = "technology_fields"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(100))


class Country(Base):
    """ISO 3166-1."""

    __tablename__ = "countries"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(100))
