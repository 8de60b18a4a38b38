"""What `shuangku evaluate` can measure; read by the command line, which imports nothing heavy."""

from enum import StrEnum


class Study(StrEnum):
    COMPARISON = "comparison"
    ABLATION = "ablation"
    NESTED = "nested"
    LEARNING = "learning"
    PAIRS = "pairs"
    TEAMS = "teams"
