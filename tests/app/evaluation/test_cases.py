"""Files of cases are read whole, or refused with the line that is wrong."""

from pathlib import Path

import pytest

from app.evaluation.cases import UnreadableCases, read_cases
from tests.app.evaluation.folders import write_judgments, written


def test_all_files_are_read(tmp_path: Path) -> None:
    written(tmp_path)
    write_judgments(tmp_path / "qrels_docking.tsv", [("D2", "E2", 3)])
    cases = read_cases(tmp_path)
    assert [case.expert_id for case in cases.experts] == ["E1", "E2", "E3", "E4"]
    assert [case.field for case in cases.demands] == ["纺织", "材料"]
    assert cases.judgments == {
        "judged": {"D1": {"E1": 3, "E2": 0}, "D2": {"E2": 2, "E4": 0}},
        "docking": {"D2": {"E2": 3}},
    }


@pytest.mark.parametrize(
    ("file", "line", "zh", "en"),
    [
        ("experts.jsonl", "{", "5 有误：不是有效的 JSON", "experts.jsonl:5 is wrong: Not valid"),
        ("experts.jsonl", "{}", "expert_id 必填", "expert_id Required"),
        ("experts.jsonl", '{"expert_id": "E1"}', "E1 重复", "E1 comes twice"),
        (
            "demands.jsonl",
            '{"demand_id": "D3"}',
            "3 有误：title",
            "demands.jsonl:3 is wrong: title",
        ),
        ("qrels.tsv", "D1\tE1", "应有 3 列，实有 2", "has 2 columns"),
        ("qrels.tsv", "D1\tE9\t1", "6 有误：D1 或 E9", "qrels.tsv:6 is wrong: D1 or E9"),
        ("qrels.tsv", "D1\tE3\t4", "grade 4 不是", "the grade 4"),
        ("qrels.tsv", "D1\tE3\t-1", "grade -1 不是", "the grade -1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, file: str, line: str, zh: str, en: str) -> None:
    path = written(tmp_path) / file
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(UnreadableCases) as refused:
        read_cases(tmp_path)
    assert zh in refused.value.text.zh
    assert en in refused.value.text.en


@pytest.mark.parametrize("file", ["experts.jsonl", "demands.jsonl", "qrels.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    (written(tmp_path) / file).unlink()
    with pytest.raises(UnreadableCases) as refused:
        read_cases(tmp_path)
    assert file.removesuffix(".tsv") in str(refused.value)


def test_of_an_empty_folder_all_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCases) as refused:
        read_cases(tmp_path)
    for said in refused.value.text:
        assert f"{tmp_path}" in said
        for name in ("experts.jsonl", "demands.jsonl", "qrels.tsv", "expert_id", "grade"):
            assert name in said


def test_no_judgment_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCases, match="holds no judgment"):
        read_cases(written(tmp_path, judgments=[]))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (written(tmp_path) / "experts.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableCases, match="UnicodeDecodeError"):
        read_cases(tmp_path)
