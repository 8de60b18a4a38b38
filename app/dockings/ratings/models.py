"""Ratings 满意度: what each side says of a docking when it has come to an end."""

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.dockings.models import Part


class Rating(Part):
    """Of the expert's side or the enterprise's; of several the latest one counts."""

    __tablename__ = "docking_ratings"
    __table_args__ = (
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
        CheckConstraint("side <> 'staff'", name="side"),
        Index(None, "docking_id", "created_at", "id"),
    )

    score: Mapped[int] = mapped_column(comment="1 to 5, very dissatisfied to very satisfied")
    text: Mapped[str] = mapped_column(default="")
    is_noted_by_staff: Mapped[bool] = mapped_column(default=False)
