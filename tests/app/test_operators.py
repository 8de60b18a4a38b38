"""What operators read is one line in both languages, and below it what has no translation."""

from app.interface.language import Text
from app.operators import OperatorError


def test_the_languages_are_kept_apart_and_shown_together() -> None:
    error = OperatorError("磁盘已满", "the disk is full", "line 1\nline 2")
    assert error.text == Text("磁盘已满", "the disk is full")
    assert str(error) == "磁盘已满 · the disk is full\nline 1\nline 2"
    assert str(OperatorError("磁盘已满", "the disk is full")) == "磁盘已满 · the disk is full"
