"""The command line: what it asks, what it refuses, and where it runs."""

import json
import os
import pty
import runpy
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from app.bulk.kinds import ImportKind
from app.bulk.sheets.columns import template
from app.commands import cli
from app.encryption.keys import KeyRing, new_key
from scripts.service import COMMAND
from tests.acceptance.processes import PROJECT, environment, run

EMAIL, PASSWORD = "admin@test.invalid", "a-long-password"
NOBODY = 65_534
SECONDS = 60
SCRIPTS = [
    ".".join(path.relative_to(PROJECT).with_suffix("").parts)
    for path in sorted(PROJECT.glob("scripts/**/*.py"))
    if "__main__" in path.read_text("utf-8")
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> dict[str, str]:
    return environment(tmp_path_factory.mktemp("commands"), DATABASE_URL=database_url)


@pytest.fixture(scope="module")
def migrated(settings: dict[str, str]) -> dict[str, str]:
    """The settings of a database with the present schema."""
    assert run(settings, "migrate").returncode == 0
    return settings


def test_help_speaks_chinese_and_english(settings: dict[str, str]) -> None:
    shown = run(settings | {"LC_ALL": "C", "COLUMNS": "100"}, "--help")
    assert shown.returncode == 0
    for text in ("启动服务", "Migrate and serve", "建立管理员", "administrator's account"):
        assert text in shown.stdout
    studies = run(settings | {"LC_ALL": "C", "COLUMNS": "80"}, "evaluate", "--help").stdout
    for text in ("两种配置的比较", "逐步去除", "嵌套交叉验证", "从评判中那样学习", "标题对"):
        assert text in studies
    assert "… │" not in studies
    assert "--stops-with-stdin" not in run(settings, "worker", "--help").stdout


def test_a_template_is_a_file_on_standard_output(settings: dict[str, str]) -> None:
    shown = run(settings | {"LC_ALL": "C"}, "import-template", "experts")
    assert shown.stdout.splitlines() == template(ImportKind.EXPERTS).decode().splitlines()
    assert shown.stderr == ""
    told = run(settings | {"COLUMNS": "200"}, "import-template", "demands", "--explain")
    assert "统一社会信用代码" in told.stdout
    assert "91330782MA2DEM013G" in told.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("import", "experts", "README.md"),
        ("create-administrator", EMAIL, "--password", PASSWORD),
        ("audit", "verify"),
        ("rotate-keys",),
        ("worker",),
        ("encode",),
        ("backup",),
    ],
)
def test_what_works_on_a_database_makes_none(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Called from another folder than the service's."""
    refused = run(environment(tmp_path), *command)
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"✗ 没有数据库：未设置 DATABASE_URL，{tmp_path / 'postgres'}")
    assert "shuangku serve" in line
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_not_filled_and_keys_are_not_made(
    tmp_path: Path, database_url: str
) -> None:
    """A mistyped DATABASE_URL, and a host that was not given the keys of the others."""
    command = ("create-administrator", EMAIL, "--password", PASSWORD)
    own = environment(tmp_path, DATABASE_URL=database_url)
    refused = run(own, *command)
    assert (refused.returncode, "the database is empty" in refused.stderr) == (1, True)
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchall() == []
    assert run(own, "migrate").returncode == 0
    refused = run({**own, "ENCRYPTION_KEYS": ""}, *command)
    assert (refused.returncode, str(tmp_path / "encryption_keys") in refused.stderr) == (1, True)
    assert not (tmp_path / "encryption_keys").exists()


def test_migrate_twice(settings: dict[str, str]) -> None:
    for _ in range(2):
        done = run(settings, "migrate")
        assert done.returncode == 0, done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_administrators_password_is_asked_for(
    migrated: dict[str, str], database_url: str
) -> None:
    weak = run(migrated, "create-administrator", EMAIL, typed="weak\nweak\n")
    assert weak.returncode == 1
    assert (
        weak.stderr.splitlines()[-1] == "✗ 密码 · password: 不得少于 10 字 · At least 10 characters"
    )

    screen, code = typed_at_a_terminal(migrated, PASSWORD, "create-administrator", EMAIL)
    assert code == 0, screen
    assert "密码 · password" in screen
    assert "再输一次 · once more" in screen
    assert PASSWORD not in screen
    assert f"administrator created: {EMAIL}" in screen

    taken = run(migrated, "create-administrator", EMAIL.upper(), "--password", PASSWORD)
    assert taken.returncode == 1
    assert taken.stderr.splitlines() == ["✗ 该邮箱已注册 · This e-mail is taken"]
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT email, role FROM accounts").fetchall()
    assert found == [(EMAIL, "administrator")]


def test_keys_are_changed_one_after_the_other(
    migrated: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    old, new = new_key(), new_key()
    row = {"name": "义乌某厂", "kind": "enterprise", "contact_phone": "000-1"}
    file = tmp_path / "organizations.jsonl"
    file.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    given = {**migrated, "ENCRYPTION_KEYS": old}
    first = KeyRing.of([old]).first
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM encryption_keys")
        assert run(given, "import", "organizations", str(file)).returncode == 0

        alone = run({**migrated, "ENCRYPTION_KEYS": new}, "rotate-keys")
        assert alone.returncode == 1
        line, hint = alone.stderr.splitlines()
        assert line.endswith(f"that the database needs are missing: {first}")
        assert "shuangku doctor" in hint

        both = run({**migrated, "ENCRYPTION_KEYS": f"{new},{old}"}, "rotate-keys")
        assert (both.returncode, "sealed again: 1" in both.stderr) == (0, True), both.stderr
        again = run({**migrated, "ENCRYPTION_KEYS": new}, "rotate-keys")
        assert (again.returncode, "sealed again: 0" in again.stderr) == (0, True), again.stderr
        connection.execute("DELETE FROM encryption_keys")
        connection.execute("DELETE FROM organizations")


def test_a_folder_or_a_field_may_look_like_markup(migrated: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "[/]"
    done = run(migrated, "backup", str(folder), "--with-keys")
    assert done.returncode == 0, done.stderr
    [dump] = folder.glob("*.dump")
    assert done.stdout == f"{dump}\n"
    keys = dump.with_suffix(".keys")
    assert f"密钥在 {keys}：" in done.stderr
    assert f"the keys are in {keys}: whoever has it and the dump" in done.stderr

    file = tmp_path / "experts.jsonl"
    file.write_text('{"name": "某人", "[/]": 1}', encoding="utf-8")
    refused = run(migrated | {"COLUMNS": "200"}, "import", "experts", str(file))
    assert refused.returncode == 1
    assert "未写入 · not written" in refused.stderr
    assert "[/]" in refused.stderr


def test_an_import_in_part_is_neither_a_success_nor_a_failure(
    migrated: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "需求.csv"
    heading = "需求名称,企业名称,资金总额(万元),关键词"
    rows = ("浅色黄变控制,部分写入的厂,80,锦纶", "抗菌袜,部分写入的厂,很多,锦纶")
    file.write_text("\n".join([heading, *rows]), encoding="utf-8")
    own = migrated | {"COLUMNS": "250"}
    nothing = run(own, "import", "demands", str(file))
    assert nothing.returncode == 1
    assert "✗ 未写入 · not written: 新增 0" in nothing.stderr
    assert "待核验" not in nothing.stderr
    part = run(own, "import", "demands", str(file), "--partial")
    assert part.returncode == 3
    assert (
        "! 部分写入 · written in part: 新增 1 · 更新 0 · 未变 0 · 拒绝 1 · 仍缺内容 1"
        in part.stderr
    )
    refused, _, rest = part.stderr.partition("imported rows that lack something")
    lacking, _, noted = rest.partition("notes on imported rows")
    assert "refused rows, not imported" in refused
    assert "资金总额(万元)" in refused
    assert "主要问题" not in refused
    assert "主要问题" in lacking
    assert "资金总额" not in lacking
    assert "部分写入的厂" in noted
    assert "新登记企业 1 家，待核验" in noted
    file.write_text("\n".join([heading, rows[0]]), encoding="utf-8")
    whole = run(own, "import", "demands", str(file), "--partial")
    assert (whole.returncode, "✓ 新增 0 · 更新 0 · 未变 1" in whole.stderr) == (0, True)


def typed_at_a_terminal(
    settings: dict[str, str], password: str, *arguments: str
) -> tuple[str, int]:
    """What somebody at a terminal sees who types the password as often as asked; the exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=settings,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=PROJECT,
        start_new_session=True,
    )
    os.close(theirs)
    deadline = threading.Timer(SECONDS, process.kill)
    deadline.start()
    screen = b""
    try:
        while piece := os.read(ours, 1024):
            screen += piece
            if screen.endswith(b": "):  # the space comes once the terminal has ceased to echo
                os.write(ours, f"{password}\n".encode())
    except OSError:  # Linux says so when the other side is closed
        pass
    finally:
        os.close(ours)
        deadline.cancel()
    return screen.decode(), process.wait(timeout=SECONDS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DATABASE_URL": "postgresql://nowhere.invalid/shuangku"}, "nowhere.invalid"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/shuangku"}, "port 1 failed"),
        ({"DATABASE_URL": "not an address"}, "DATABASE_URL 无法识别"),
        ({"PORT": "eight thousand"}, "PORT=eight thousand: 应为整数 · Should be a whole number"),
    ],
)
def test_what_cannot_work_is_one_clear_line(
    settings: dict[str, str], change: dict[str, str], said: str
) -> None:
    failed = run(settings | change, "migrate")
    assert failed.returncode == 1
    [line] = failed.stderr.splitlines()
    assert line.startswith("✗ ")
    assert said in line


def test_a_misspelt_setting_is_told_once(settings: dict[str, str]) -> None:
    done = run(settings | {"ENCRYPTION_KEY": "hunter2"}, "migrate")
    assert done.returncode == 0
    warned, _ = done.stderr.splitlines()
    assert warned.startswith("! 环境变量：没有设置项 ENCRYPTION_KEY，是否指 ENCRYPTION_KEYS？")
    assert "hunter2" not in done.stderr


def test_as_an_ordinary_user_without_a_home(nobodys_folder: Path) -> None:
    """PostgreSQL of its own included."""
    become: list[str] = []
    if os.geteuid() == 0:
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    bare = {
        name: value
        for name, value in environment(nobodys_folder).items()
        if name not in ("HOME", "USER", "LOGNAME", "LANG")
    }
    for said in (
        "✓ 演示库已载入（虚构数据）· fictional demonstration pool loaded",
        "✓ 演示库原已载入，未作改动 · demonstration pool was there already",
    ):
        done = run(bare | {"LC_ALL": "C"}, "demo", prefix=become)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines() == [said]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_helps_instead_of_working(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.delitem(sys.modules, script, raising=False)  # as in a process of its own
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(script, run_name="__main__")
    assert ended.value.code == 0
    assert "Usage" in capsys.readouterr().out


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """An ordinary user's; not under pytest's folders, which are their maker's alone."""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root cannot become an ordinary user here: setpriv is missing")
        if not all(path.stat().st_mode & stat.S_IXOTH for path in (PROJECT, *PROJECT.parents)):
            pytest.skip(f"{PROJECT} is in a folder that no ordinary user may enter")
    with tempfile.TemporaryDirectory(prefix="shuangku-nobody-") as name:
        if os.geteuid() == 0:
            os.chown(name, NOBODY, NOBODY)
        yield Path(name)


def test_the_audit_log_is_verified(migrated: dict[str, str], database_url: str) -> None:
    done = run(migrated, "create-administrator", "audit@test.invalid", "--password", PASSWORD)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = connection.execute("SELECT action, record_ids FROM audit_entries").fetchall()
        administrators = {id for (id,) in connection.execute("SELECT id FROM accounts")}
        made = [ids for action, ids in found if action == "command create-administrator"]
        assert {id for ids in made for id in ids} == administrators
        holds = run(migrated, "audit", "verify")
        assert holds.returncode == 0, holds.stderr
        assert f"{len(found)} 条待封存 · {len(found)} waiting for their seal" in holds.stderr
        cut = run(migrated, "audit", "verify", "--anchor", f"17:{'9f' * 32}")
        assert cut.returncode == 1
        assert "the chain was cut off or rewritten (seal 17)" in cut.stderr
        assert run(migrated, "audit", "verify", "--anchor", "17").returncode == 1
        connection.execute("ALTER TABLE audit_entries DISABLE TRIGGER USER")
        (gone,) = connection.execute("SELECT id FROM audit_entries LIMIT 1").fetchone() or ()
        connection.execute("DELETE FROM audit_entries WHERE id = %s", [gone])
        broken = run(migrated, "audit", "verify")
        assert broken.returncode == 1
        assert f"an entry is missing (outside the seals, from entry {gone} on)" in broken.stderr


def test_a_bad_setting_is_named_as_it_is_written(tmp_path: Path) -> None:
    done = run(environment(tmp_path, PORT="abc"), "migrate")
    assert done.returncode == 1
    assert "✗ PORT=abc: 应为整数" in done.stderr
    assert "环境变量 · environment" in done.stderr
    done = run(environment(tmp_path, PORT="abc"), "doctor")
    assert done.returncode == 1
    assert "✗ PORT=abc: 应为整数（环境变量）" in done.stdout
    assert "磁盘剩余" in done.stdout or "磁盘只剩" in done.stdout
    assert "还没有数据库" in done.stdout
    done = run(environment(tmp_path, ENCRYPTION_KEYS="hunter2"), "migrate")
    assert done.returncode == 1
    assert "ENCRYPTION_KEYS: " in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("chinese", "english"), [("专家", "experts"), ("机构", "organizations"), ("需求", "demands")]
)
def test_kinds_are_named_in_chinese_too(chinese: str, english: str) -> None:
    shown = [CliRunner().invoke(cli, ["import-template", kind]) for kind in (chinese, english)]
    assert [result.exit_code for result in shown] == [0, 0]
    assert shown[0].stdout == shown[1].stdout != ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "人才", "x.csv"], "没有种类 人才"),
        (["import", "专家", "x.csv"], "没有文件 x.csv"),
        (["evaluate", "nowhere"], "没有目录 nowhere"),
        (["restore", "x.dump"], "没有文件 x.dump"),
    ],
)
def test_usage_errors_are_in_chinese_too(arguments: list[str], said: str) -> None:
    refused = CliRunner().invoke(cli, arguments)
    assert (refused.exit_code, said in refused.stderr) == (2, True), refused.stderr
