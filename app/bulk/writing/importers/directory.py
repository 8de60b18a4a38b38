"""The organizations that a file's rows may mean, by their credit codes or names."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.bulk import repository
from app.interface.language import Text
from app.interface.validation import FieldError
from app.organizations import access
from app.organizations.actors import Actor
from app.organizations.models import Organization, OrganizationState

CODE_HELD = Text(
    "该统一社会信用代码被一条未经核验的注册占用，机构已不带代码登记；"
    "请其所在地区工作人员或管理员核验该注册，或清除其代码，再补填",
    "A registration that nobody verified holds this credit code, so the organization was entered"
    " without it; staff of the registration's region verify it, or clear its code",
)


class Directory:
    """One rule for files of every kind.

    A code means the organization that has it, though that has only registered itself. A name means
    those that staff vouch for, since anybody may register under any name. Nothing means a rejected
    organization, nor one that the file's sender may not read.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._by_name: dict[str, list[Organization]] = defaultdict(list)
        self._by_code: dict[str, Organization] = {}
        self._vouched_for: set[UUID] = set()
        self._held_codes: set[str] = set()

    @classmethod
    async def of(
        cls,
        session: AsyncSession,
        actor: Actor,
        *,
        names: Collection[str],
        codes: Collection[str] = (),
        is_locked: bool = False,
    ) -> Self:
        """What these names and codes may mean; is_locked: the rows are to change it."""
        directory = cls(actor)
        found = await repository.organizations_meant(session, codes, names, is_locked=is_locked)
        vouched_for = await repository.vouched_for(session, found)
        for organization in sorted(found, key=directory._rank):
            directory._note(organization, is_vouched_for=organization.id in vouched_for)
        return directory

    def add(self, organization: Organization) -> None:
        """One that the file has brought."""
        self._note(organization, is_vouched_for=True)

    def meant(self, name: str, code: str | None = None) -> Sequence[Organization]:
        """All that a row may mean, the best first: verified ones of the sender's region, old ones.

        A name means nobody where both sides have codes, which then are of different bodies; with a
        code of its own a row means no namesake of another region.
        """
        if code and (holder := self._by_code.get(code)):
            return [holder]
        named = self._by_name.get(name, [])
        if code:
            named = [o for o in named if not o.unified_social_credit_code]
        return self._ours(named) or ([] if code else named)

    def owner(self, name: str, code: str | None) -> Organization | None:
        """Whose demand a row is; never that of whoever has registered the code by another name."""
        found = next(iter(self.meant(name, code)), None)
        is_other = found is not None and found.name != name
        return None if found and is_other and not self.is_vouched_for(found) else found

    def employer(self, name: str) -> Organization | None:
        """The verified organization that an expert or achievement belongs to by its name alone."""
        named = self._by_name.get(name, [])
        verified = [o for o in named if o.state is OrganizationState.VERIFIED]
        return next(iter(self._ours(verified) or verified), None)

    def is_vouched_for(self, organization: Organization) -> bool:
        return organization.id in self._vouched_for

    def is_held(self, code: str | None) -> bool:
        """Whether a registration that no row may mean has the code, which is unique."""
        return code in self._held_codes

    def is_taken(self, code: str | None) -> bool:
        """Whether anybody has the code."""
        return code in self._held_codes or code in self._by_code

    def _note(self, organization: Organization, *, is_vouched_for: bool) -> None:
        code = organization.unified_social_credit_code
        if not may_be_meant(self._actor, organization):
            if code:
                self._held_codes.add(code)
            return
        if is_vouched_for:
            self._vouched_for.add(organization.id)
            self._by_name[organization.name].append(organization)
        if code:
            self._by_code[code] = organization

    def _rank(self, organization: Organization) -> tuple[bool, object]:
        return organization.state is not OrganizationState.VERIFIED, organization.created_at

    def _ours(self, organizations: Sequence[Organization]) -> list[Organization]:
        return [o for o in organizations if self._actor.manages_region(o.region_code)]


def may_be_meant(actor: Actor, organization: Organization) -> bool:
    is_rejected = organization.state is OrganizationState.REJECTED
    return not is_rejected and access.may_read(actor, organization)


def code_withheld() -> FieldError:
    """What is noted of an organization that a file enters under a code that another one holds."""
    return FieldError(
        pointer="/unified_social_credit_code", code="credit_code_held", message=CODE_HELD
    )
