"""The command line: `shuangku --help`.

Commands import where they work: the libraries take a second or more, and help needs none of them.
"""

import asyncio
import gc
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.bulk.kinds import ImportKind, ImportMode
from app.evaluation.kinds import Study
from app.processes.arguments import file_there, folder_there
from app.processes.execution import commanded, console, leaving_at_once, run
from app.upkeep.commands import upkeep

if TYPE_CHECKING:
    from app.bulk.operations import Upload

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="双库 Shuangku：专家与企业技术需求的匹配服务 · experts matched to technical demands",
)
KINDS = {
    "机构": ImportKind.ORGANIZATIONS,
    "专家": ImportKind.EXPERTS,
    "需求": ImportKind.DEMANDS,
    "成果": ImportKind.ACHIEVEMENTS,
} | {kind.value: kind for kind in ImportKind}


def kind_of(name: str) -> ImportKind:
    """The kind of this name, in Chinese or English; raises BadParameter."""
    if (kind := KINDS.get(name)) is None:
        known = "、".join(KINDS)
        raise typer.BadParameter(f"没有种类 {name}，可选 · no kind {name}, one of: {known}")
    return kind


Kind = Annotated[
    ImportKind, typer.Argument(parser=kind_of, metavar="KIND", help="机构、专家、需求、成果")
]

audit = typer.Typer(no_args_is_help=True, help="审计 · the audit log")
cli.add_typer(audit, name="audit")
cli.add_typer(upkeep)


@cli.callback()
def name_the_work(context: typer.Context) -> None:
    """What a command changes stands in the audit log under the command's name."""
    context.with_resource(commanded(context.invoked_subcommand or ""))


@cli.command()
def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="载入演示库 · load the demonstration")
    ] = False,
    worker: Annotated[bool, typer.Option(help="同时运行后台任务 · run a worker beside")] = True,
    processes: Annotated[
        int | None, typer.Option(min=1, help="服务进程数 · processes that serve (PROCESSES)")
    ] = None,
) -> None:
    """启动服务 · Migrate and serve; HOST, PORT and DATABASE_URL come from the environment."""
    from app.processes.serving import serve as serve_until_stopped
    from app.settings import Settings

    async def work() -> None:
        settings = Settings()
        if processes is not None:
            settings = settings.model_copy(update={"processes": processes})
        await serve_until_stopped(settings, wants_demo=demo, has_worker=worker)

    run(work(), when_stopped=0, warns=False)


@cli.command(name="serve-process", hidden=True)
def serve_process(descriptor: int) -> None:
    """One process of a service; its standard input is the line to whoever keeps it up."""
    from app.processes.server import run as serve_until_told
    from app.settings import Settings

    async def work() -> None:
        listener, line = socket.socket(fileno=descriptor), socket.socket(fileno=0)
        await serve_until_told(Settings(), listener, line)

    run(work(), when_stopped=0, warns=False)


@cli.command()
def reload() -> None:
    """换上新进程 · Put new processes in place of those that serve, without losing a request."""
    from app.processes import reloading
    from app.settings import Settings

    async def work() -> None:
        settings = Settings()
        await asyncio.to_thread(reloading.ask, settings.var_folder, settings.port)
        console.print("[green]✓[/] 新进程已接替 · new processes serve")

    run(work())


@cli.command()
def worker(
    stops_with_stdin: Annotated[bool, typer.Option("--stops-with-stdin", hidden=True)] = False,
) -> None:
    """后台任务 · Run jobs until stopped."""
    from app.processes.preparation import require_database, require_key_file
    from app.processes.worker import run as work_until_stopped
    from app.settings import Settings

    async def work() -> None:
        settings = Settings()
        require_database(settings)
        require_key_file(settings)
        await work_until_stopped(settings, stops_with_stdin=stops_with_stdin)

    run(work(), when_stopped=0, warns=False)


@cli.command()
def migrate() -> None:
    """更新数据库结构 · Bring the database to the present schema."""
    run(_migrate())


async def _migrate() -> None:
    from app.processes.preparation import own_database

    async with own_database(may_make=True):
        console.print("[green]✓[/] 数据库已是最新结构 · the database is up to date")


@cli.command()
def demo() -> None:
    """载入演示库 · Load the fictional demonstration pool."""
    run(_demo())


async def _demo() -> None:
    from app.bulk.terminal import load_with_progress
    from app.processes.preparation import own_database
    from app.scopes import create_sessions

    async with own_database(may_make=True) as engine:
        said = await load_with_progress(create_sessions(engine), console)
        console.print(f"[green]✓[/] {said}")


@cli.command(name="import")
def import_file(
    kind: Kind,
    file: Annotated[Path, typer.Argument(callback=file_there, help="xlsx, csv, jsonl")],
    partial: Annotated[
        bool, typer.Option("--partial", help="写入合格的行 · keep the valid rows")
    ] = False,
    admit: Annotated[
        bool, typer.Option("--admit", "--publish", help="直接入库或公开 · into the pool at once")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="覆盖人工修改 · replace later edits, too")
    ] = False,
) -> None:
    """导入 · Import a file; the same file twice changes nothing.

    Exit code 0: every row is in; 1: nothing was written; 3: some rows were refused (--partial).
    """
    from app.bulk.operations import Upload

    upload = Upload(
        kind=kind,
        filename=file.name,
        content=file.read_bytes(),
        mode=ImportMode.PARTIAL if partial else ImportMode.ALL_OR_NOTHING,
        is_admitting=admit,
        is_overwriting=overwrite,
    )
    run(_import(upload))


@cli.command()
def import_template(
    kind: Kind,
    explain: Annotated[
        bool, typer.Option("--explain", help="每列怎样填写 · how to fill in each column")
    ] = False,
) -> None:
    """导入模板 · The headings of a kind as a CSV file, to standard output."""
    from app.bulk.sheets.columns import template
    from app.bulk.sheets.explaining import explanation

    typer.echo(explanation(kind) + "\n" if explain else template(kind), nl=False)


async def _import(upload: "Upload") -> None:
    from app.bulk.terminal import import_with_progress
    from app.processes.preparation import own_database
    from app.scopes import create_sessions

    async with own_database() as engine:
        ending = await import_with_progress(create_sessions(engine), upload, console)
    if ending:
        raise typer.Exit(ending)


@cli.command(name="create-administrator")
def create_administrator(
    email: str,
    password: Annotated[
        str,
        typer.Option(
            prompt="密码 · password", hide_input=True, confirmation_prompt="再输一次 · once more"
        ),
    ],
    name: Annotated[str, typer.Option(help="显示名 · display name")] = "管理员",
) -> None:
    """建立管理员 · Make the first administrator's account."""
    run(_create_administrator(email, name, password))


async def _create_administrator(email: str, name: str, password: str) -> None:
    from app.accounts import operations as accounts
    from app.accounts.models import Role
    from app.accounts.schemas import AccountCreate
    from app.processes.preparation import own_database
    from app.scopes import Scope, create_sessions

    data = AccountCreate.model_validate(
        {"email": email, "display_name": name, "password": password, "role": Role.ADMINISTRATOR}
    )
    async with own_database() as engine, create_sessions(engine, Scope.SERVICE).begin() as session:
        await accounts.create(session, None, data)
    console.print(f"[green]✓[/] 管理员已建立 · administrator created: {data.email}")


@audit.command()
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(metavar="17:HASH", help="日志中的封存号与哈希 · a seal noted elsewhere"),
    ] = None,
) -> None:
    """核对审计记录 · Whether the log is what was sealed and, if not, from which entry on."""
    run(_verify(anchor))


async def _verify(anchor: str | None) -> None:
    from app.audit.terminal import report
    from app.processes.preparation import own_database
    from app.scopes import create_sessions

    async with own_database() as engine:
        if not await report(create_sessions(engine), anchor, console):
            raise typer.Exit(1)


@cli.command()
def encode() -> None:
    """编码 · Make the vectors that are missing, with a bar; stopped or killed, it goes on later."""
    run(_encode())


async def _encode() -> None:
    from app.matches.index.terminal import encode_with_progress
    from app.processes.preparation import own_database
    from app.scopes import Scope, create_sessions
    from app.settings import Settings

    async with own_database() as engine:
        sessions = create_sessions(engine, Scope.INDEX)
        said = await encode_with_progress(Settings(), sessions, console)
    console.print(f"[green]✓[/] {said}", highlight=False, soft_wrap=True)


@cli.command()
def evaluate(
    cases: Annotated[Path, typer.Argument(callback=folder_there, help="experts.jsonl …")],
    config: Annotated[str, typer.Option(help='"encoder=none lexical=3 …"')] = "default",
    against: Annotated[str, typer.Option(help="比较对象 · compare with")] = "bigrams",
    study: Annotated[Study, typer.Option(help="评测什么 · measured")] = Study.COMPARISON,
) -> None:
    """评测 · How well the matcher ranks a folder of cases, beside another configuration.

    comparison: 两种配置的比较 · one configuration beside another

    ablation: 逐步去除，看设计的每一步带来多少 · what each step of the design brings

    nested: 嵌套交叉验证，权重在其他需求上选定 · weights chosen on other demands

    learning: 像从评判中那样学习权重，同样交叉验证 · weights learned as from verdicts, likewise

    pairs: 按 1 至 4 分级的标题对（title_pairs.jsonl）· pairs of titles graded from 1 to 4

    teams: 团队覆盖的技术要点，与同样多的前几名相比 · what teams cover, beside the first ranks
    """
    run(_evaluate(cases, config, against, study))


async def _evaluate(cases: Path, config: str, against: str, study: Study) -> None:
    from app.evaluation import studies
    from app.evaluation.terminal import evaluate as compared

    work = {
        Study.COMPARISON: lambda: compared(cases, config, against, console),
        Study.ABLATION: lambda: studies.ablation(cases, console),
        Study.NESTED: lambda: studies.nested_validation(cases, config, console),
        Study.LEARNING: lambda: studies.learning(cases, config, console),
        Study.PAIRS: lambda: studies.title_pairs(cases, console),
        Study.TEAMS: lambda: studies.teams(cases, config, console),
    }[study]
    typer.echo(await asyncio.to_thread(work))


@cli.command(name="export-judgments")
def export_judgments(folder: Path) -> None:
    """导出评判 · Coordinators' verdicts with the pool, as files that `evaluate` reads."""
    run(_export_judgments(folder))


async def _export_judgments(folder: Path) -> None:
    from app.evaluation.exporting import export
    from app.processes.preparation import own_database
    from app.scopes import Scope, create_sessions

    async with own_database() as engine:
        found = await export(create_sessions(engine, Scope.INDEX), folder)
    console.print(
        f"[green]✓[/] {found.judgments} 条评判 · judgments, {found.demands} 条需求 · demands,"
        f" {found.experts} 位专家 · experts"
    )


def main() -> None:
    gc.disable()  # until there is work, see `execution.collect_little`
    with leaving_at_once():
        cli()


if __name__ == "__main__":
    main()
