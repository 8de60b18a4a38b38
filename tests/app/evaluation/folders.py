"""Cases in a folder, small and made up; and where the real ones are."""

import json
import os
from pathlib import Path

BESIDE_PROJECT = Path(__file__).resolve().parents[4] / "shared/eval/realcases"

EXPERTS = [
    {"expert_id": "E1", "title": "教授", "directions": "锦纶染整；针织物热定型与抗黄变"},
    {
        "expert_id": "E2",
        "title": "研究员",
        "directions": "耐火材料；高温窑炉",
        "organization": "某所",
    },
    {"expert_id": "E3", "directions": "光伏组件封装胶膜；电池片", "achievements": "抗 PID 胶膜"},
    {"expert_id": "E4", "directions": "茶叶加工；茶园害虫"},
]
DEMANDS = [
    {
        "demand_id": "D1",
        "title": "浅色锦纶袜热定型黄变",
        "description": "仓储后黄变",
        "field": "纺织",
    },
    {"demand_id": "D2", "title": "超高温隔热耐火砖", "field": "材料", "place": "武汉"},
]
JUDGMENTS = [("D1", "E1", 3), ("D1", "E2", 0), ("D2", "E2", 2), ("D2", "E4", 0)]


def written(folder: Path, judgments: list[tuple[str, str, int]] | None = None) -> Path:
    """The made-up cases as files."""
    for name, rows in (("experts", EXPERTS), ("demands", DEMANDS)):
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_judgments(folder / "qrels.tsv", JUDGMENTS if judgments is None else judgments)
    return folder


def write_judgments(path: Path, judgments: list[tuple[str, str, int]]) -> None:
    lines = ["demand_id\texpert_id\tgrade", *("\t".join(map(str, row)) for row in judgments)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def real() -> Path | None:
    """The folder that SHUANGKU_CASES names, else the one beside the project; None without one."""
    path = Path(os.environ.get("SHUANGKU_CASES", BESIDE_PROJECT))
    return path if (path / "experts.jsonl").exists() else None
