"""What an erased expert leaves in the words of others: that there was somebody."""

from collections.abc import Iterable

from sqlalchemy import inspect

from app.database import Record
from app.experts.models import Expert

SOMEBODY = "某专家"


def take_out_of_words(record: Record, names: Iterable[str], expert: Expert) -> None:
    """Put `SOMEBODY` for the expert's name in these texts, each cut at its column's length."""
    columns = inspect(type(record)).columns
    for name in names:
        words = getattr(record, name).replace(expert.name, SOMEBODY)
        setattr(record, name, words[: getattr(columns[name].type, "length", None)])
