"""The fictional pool that shows the service at work: records of every kind, and accounts."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import operations as accounts
from app.accounts import repository as account_repository
from app.accounts.models import Account, Role
from app.accounts.schemas import AccountCreate
from app.bulk import operations
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.operations import Upload
from app.bulk.running import Progress, silent
from app.experts import operations as experts
from app.experts import repository as expert_repository
from app.organizations import memberships
from app.organizations import repository as organization_repository
from app.organizations.actors import SERVICE
from app.organizations.schemas import MembershipCreate
from app.scopes import Scope, Sessions, within

DATA = Path(__file__).parent
PASSWORD = "demo-shuangku"
YIWU = "330782"
EXPERT = "DEMO-E001"

# Organizations come first: the other kinds name them.
KINDS = (
    ImportKind.ORGANIZATIONS,
    ImportKind.EXPERTS,
    ImportKind.ACHIEVEMENTS,
    ImportKind.DEMANDS,
)


async def load_demonstration(sessions: Sessions, progress: Progress = silent) -> bool:
    """Fill a database with the demonstration pool and its accounts; twice changes nothing.

    Whether there was anything to write: False when the pool was there already.
    What somebody has edited since the last time stays as it is. `progress` hears of the rows of
    all files together.
    """
    uploads = [_upload(kind) for kind in KINDS]
    is_written = False
    sizes = [len(upload.content.splitlines()) for upload in uploads]
    for number, upload in enumerate(uploads):
        onward = _onward(progress, sum(sizes[:number]), sum(sizes))
        found = await operations.import_file(sessions, upload, onward)
        is_written |= found.created_count + found.updated_count > 0
    async with within(sessions, Scope.SERVICE).begin() as session:
        await _add_accounts(session)
    return is_written


def _onward(progress: Progress, before: int, total: int) -> Progress:
    """The progress of one file as that of all of them; `before` rows came with earlier files."""
    return lambda done, _: progress(before + done, total)


def _upload(kind: ImportKind) -> Upload:
    path = DATA / f"{kind}.jsonl"
    return Upload(
        kind=kind,
        filename=path.name,
        content=path.read_bytes(),
        mode=ImportMode.PARTIAL,
        is_admitting=True,
    )


async def _add_accounts(session: AsyncSession) -> None:
    await _account(session, "administrator", "演示管理员", Role.ADMINISTRATOR)
    await _account(session, "coordinator", "演示协调员", Role.COORDINATOR, YIWU)
    await _account(session, "evaluator", "演示评估员", Role.EVALUATOR)
    await _join_first_enterprise(
        session, await _account(session, "enterprise", "演示企业", Role.ENTERPRISE, YIWU)
    )
    await _link_expert(session, await _account(session, "expert", "演示专家", Role.EXPERT))


async def _account(
    session: AsyncSession, name: str, display_name: str, role: Role, region_code: str | None = None
) -> Account:
    """The account `<name>@demo.invalid`, made if it is not there."""
    email = f"{name}@demo.invalid"
    found = await account_repository.find_by_email(session, email)
    if found is not None:
        return found
    data = AccountCreate(
        email=email,
        display_name=display_name,
        role=role,
        region_code=region_code,
        password=SecretStr(PASSWORD),
    )
    return await accounts.create(session, None, data)


async def _join_first_enterprise(session: AsyncSession, account: Account) -> None:
    """The account acts for the enterprise that the file names first."""
    with (DATA / "organizations.jsonl").open("rb") as lines:
        code: str = from_json(lines.readline())["unified_social_credit_code"]
    organization = await organization_repository.find_by_code(session, code)
    if organization is None or await organization_repository.find_membership_of(
        session, account.id, organization.id
    ):
        return
    data = MembershipCreate(account_id=account.id, organization_id=organization.id)
    membership = await memberships.create(session, SERVICE, data)
    await memberships.move(session, SERVICE, membership.id, "approve")


async def _link_expert(session: AsyncSession, account: Account) -> None:
    expert = await expert_repository.find_by_external_id(session, EXPERT)
    if expert is not None and expert.account_id is None:
        await experts.link_account(session, SERVICE, expert.id, account.id)
