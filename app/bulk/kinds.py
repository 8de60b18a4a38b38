"""What is imported, and how: enums apart from the tables, for commands that only name them."""

from enum import StrEnum


class ImportKind(StrEnum):
    ORGANIZATIONS = "organizations"
    EXPERTS = "experts"
    DEMANDS = "demands"
    ACHIEVEMENTS = "achievements"


class ImportMode(StrEnum):
    """全部成功才写入 / 合格的行写入."""

    ALL_OR_NOTHING = "all_or_nothing"
    PARTIAL = "partial"
