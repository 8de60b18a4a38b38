"""Staged disclosure: public summary, undertaking, full text, and contacts once both accept.

The staff stand between the two sides until then. The audit log keeps who read what; the
enterprise and the expert can read it there, too.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.demands import access as demand_access
from app.dockings import operations as dockings
from app.dockings.access import are_contacts_released, is_text_released, may_touch, speaks_for
from app.dockings.deadlines import Clock
from app.dockings.disclosure.schemas import (
    ConfidentialityAccepted,
    Contacts,
    DisclosedDemand,
    ReachableEnterprise,
    ReachableExpert,
    Undertaking,
)
from app.dockings.models import Docking, Side
from app.experts import repository as experts
from app.experts.models import ExpertContact
from app.interface import auditing
from app.interface.errors import Forbidden, invalid_field
from app.interface.language import Text
from app.organizations.actors import Actor

VERSION = "2026-11-27.1"  # a changed text gets a new one: what was accepted is what was read
UNDERTAKING = Text(
    "本人承诺：对经本平台查阅的企业技术需求全文及相关资料保密，仅用于评估和开展本次对接，"
    "未经企业书面同意，不向第三方披露，不自行或许可他人使用；对接终止后停止使用并删除所保存的资料。",
    "I will keep secret the full text of the demand and what belongs to it, use it for this "
    "docking alone, disclose it to nobody and let nobody use it without the enterprise's written "
    "consent, and stop using it and delete it when the docking ends.",
)
NOT_ACCEPTED = Text("请先接受保密承诺", "Accept the undertaking of confidentiality first")
NOT_BOTH = Text("双方均接受邀请后才提供联系方式", "Contacts come once both sides have accepted")


def undertaking() -> Undertaking:
    return Undertaking(text=UNDERTAKING.zh, text_en=UNDERTAKING.en, text_version=VERSION)


async def accept_undertaking(
    session: AsyncSession,
    actor: Actor,
    docking_id: UUID,
    data: ConfidentialityAccepted,
    clock: Clock,
) -> Docking:
    """Keep that the expert has accepted the present text, or said so to staff."""
    if data.text_version != VERSION:
        raise invalid_field(
            "/text_version", "outdated_text", "文本已更新，请重新阅读", "The text has changed"
        )
    docking = await dockings.hold(session, actor, docking_id)
    side = speaks_for(actor, docking, data.on_behalf_of)
    if side is Side.STAFF or data.on_behalf_of is Side.ENTERPRISE:
        raise invalid_field("/on_behalf_of", "missing", "应由专家接受", "It is the expert's word")
    verb = "accept-confidentiality"
    await dockings.take(session, actor, docking, verb, data, clock)
    docking.confidentiality_accepted_at = docking.confidentiality_accepted_at or clock.moment
    return docking


async def read_demand(session: AsyncSession, actor: Actor, docking_id: UUID) -> DisclosedDemand:
    """The demand in full: for its enterprise and staff, and for the expert who has accepted."""
    docking = await dockings.get(session, actor, docking_id)
    if not demand_access.may_read_in_full(actor, docking.demand) and not is_text_released(docking):
        raise Forbidden(NOT_ACCEPTED)
    auditing.touch(session, docking.demand_id)
    demand = docking.demand
    own: dict[str, object] = {"docking_id": docking.id, "demand_id": demand.id}
    own |= {"organization_name": demand.organization.name}
    names = DisclosedDemand.model_fields.keys() - own.keys()
    return DisclosedDemand.model_validate(own | {name: getattr(demand, name) for name in names})


async def read_contacts(session: AsyncSession, actor: Actor, docking_id: UUID) -> Contacts:
    """How the two sides reach each other; nobody learns it before both have accepted."""
    docking = await dockings.get(session, actor, docking_id)
    if not may_touch(actor, docking):  # staff of a region that it is shared with reach nobody
        raise Forbidden()
    if not are_contacts_released(docking):
        raise Forbidden(NOT_BOTH)
    auditing.touch(session, docking.demand_id)
    auditing.touch(session, docking.expert_id)
    demand = docking.demand
    contact = await experts.find_contact(session, docking.expert_id)
    contact = contact or ExpertContact(phone="", email="")
    return Contacts(
        docking_id=docking.id,
        expert=ReachableExpert(name=docking.expert.name, phone=contact.phone, email=contact.email),
        enterprise=ReachableEnterprise(
            organization_name=demand.organization.name,
            name=demand.contact_name,
            phone=demand.contact_phone,
            email=demand.contact_email,
        ),
    )
