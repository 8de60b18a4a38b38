"""What an import at the terminal says of itself."""

import io

from rich.console import Console

from app.bulk.kinds import ImportKind
from app.bulk.operations import Upload
from app.bulk.report import MAX_ENTRIES
from app.bulk.terminal import import_with_progress
from app.scopes import Sessions
from tests.app.bulk.files import csv_file


async def test_all_enterprises_that_it_registered_are_counted(sessions: Sessions) -> None:
    """Also those whose notes found no room among the many on amounts."""
    rows = [(f"需求{n}", "甲厂", 500_000) for n in range(MAX_ENTRIES)]
    file = csv_file(("需求名称", "企业名称", "资金总额"), *rows, ("另一需求", "乙厂", 50))
    screen = io.StringIO()
    await import_with_progress(
        sessions,
        Upload(kind=ImportKind.DEMANDS, filename="a.csv", content=file),
        Console(file=screen, width=200),
    )
    assert "新登记企业 2 家" in screen.getvalue()


async def test_none_is_counted_of_a_file_that_was_not_written(sessions: Sessions) -> None:
    file = csv_file(("需求名称", "企业名称"), ("某需求", "甲厂"), ("另一需求", "无"))
    screen = io.StringIO()
    await import_with_progress(
        sessions,
        Upload(kind=ImportKind.DEMANDS, filename="a.csv", content=file),
        Console(file=screen, width=200),
    )
    assert "未写入" in screen.getvalue()
    assert "新登记企业" not in screen.getvalue()


async def test_what_is_published_is_not_told_as_waiting(sessions: Sessions) -> None:
    """--admit publishes what still lacks something; what breaks a limit stays a draft."""
    heads = ("需求名称", "企业名称", "主要问题")
    file = csv_file(heads, ("某需求", "甲厂", "短"), ("另一需求", "甲厂", "长" * 501))
    for is_admitting in (True, False):
        screen = io.StringIO()
        upload = Upload(
            kind=ImportKind.DEMANDS,
            filename="a.csv",
            content=file,
            is_admitting=is_admitting,
            is_overwriting=True,
        )
        await import_with_progress(sessions, upload, Console(file=screen, width=200))
        published, _, waiting = screen.getvalue().partition("待补全的行")
        assert "已公开，仍缺的内容 · published, still lacking" in published
        assert "请选择所在地区" in published
        assert "超过" not in published
        assert waiting.count("请选择所在地区") == 1


async def test_none_is_said_to_be_published_that_was_rolled_back(sessions: Sessions) -> None:
    file = csv_file(("需求名称", "企业名称"), ("某需求", "甲厂"), ("另一需求", "无"))
    screen = io.StringIO()
    upload = Upload(kind=ImportKind.DEMANDS, filename="a.csv", content=file, is_admitting=True)
    await import_with_progress(sessions, upload, Console(file=screen, width=200))
    assert "待补全的行，未导入" in screen.getvalue()
    assert "已公开" not in screen.getvalue()


async def printed(sessions: Sessions, *rows: tuple[object, ...]) -> str:
    """What the terminal says of a file of demands."""
    screen = io.StringIO()
    upload = Upload(kind=ImportKind.DEMANDS, filename="a.csv", content=csv_file(*rows))
    await import_with_progress(sessions, upload, Console(file=screen, width=200))
    return screen.getvalue()


async def test_what_a_refused_file_lacks_is_counted(sessions: Sessions) -> None:
    rows = (("某需求", "甲厂"), ("另一需求", "无"))
    told = await printed(sessions, ("需求名称", "企业名称"), *rows)
    assert "待补全的行，未导入" in told
    assert "新增 0 · 更新 0 · 未变 0 · 拒绝 1 · 仍缺内容 1" in told


async def test_notes_on_a_file_are_no_notes_on_imported_rows(sessions: Sessions) -> None:
    told = await printed(sessions, ("序号", "需求名称", "企业名称"), (1, "某需求", "无"))
    _, _, notes = told.partition("关于文件的说明 · notes on the file")
    assert "未读取的列：序号" in notes
    assert "│ 文件 " in notes
    assert "imported rows" not in told
    assert "what is wrong" not in told
