"""HTTP for webhooks and their deliveries."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, status

from app.accounts.dependencies import CurrentAccount
from app.clock import MomentDep
from app.database import SessionDep
from app.interface.idempotency import unkept
from app.interface.pagination import Page, PagesDep
from app.interface.routing import DomainRouter
from app.outgoing.addresses import Allowed
from app.settings import SettingsDep
from app.webhooks import operations
from app.webhooks.schemas import (
    DeliveryBody,
    DeliveryQuery,
    NewWebhook,
    WebhookBody,
    WebhookCreate,
    WebhookQuery,
    WebhookUpdate,
)

router = DomainRouter("webhooks")


async def get_allowed(settings: SettingsDep) -> Allowed:
    return Allowed.of(settings.webhook_allowed_hosts)


AllowedDep = Annotated[Allowed, Depends(get_allowed)]


@router.post("/webhooks", status_code=status.HTTP_201_CREATED)
@unkept
async def create_webhook(
    session: SessionDep, account: CurrentAccount, allowed: AllowedDep, data: WebhookCreate
) -> NewWebhook:
    """建立事件推送 · Have changes that one may know of sent to a system; shows its secret once."""
    return await operations.create(session, account, data, allowed)


@router.get("/webhooks")
async def list_webhooks(
    pages: PagesDep, account: CurrentAccount, query: Annotated[WebhookQuery, Query()]
) -> Page[WebhookBody]:
    """事件推送列表 · One's own."""
    return await operations.search(pages, account, query)


@router.get("/webhooks/{webhook_id:uuid}")
async def read_webhook(
    session: SessionDep, account: CurrentAccount, webhook_id: UUID
) -> WebhookBody:
    """事件推送详情 · Where it goes, what it asks for, and whether it works."""
    return operations.show(await operations.get(session, account, webhook_id))


@router.patch("/webhooks/{webhook_id:uuid}")
async def update_webhook(
    session: SessionDep,
    account: CurrentAccount,
    allowed: AllowedDep,
    webhook_id: UUID,
    data: WebhookUpdate,
) -> WebhookBody:
    """修改事件推送 · Another address, other kinds."""
    webhook = await operations.update(session, account, webhook_id, data, allowed)
    return operations.show(webhook)


@router.delete("/webhooks/{webhook_id:uuid}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_webhook(session: SessionDep, account: CurrentAccount, webhook_id: UUID) -> None:
    """删除事件推送 · With its deliveries."""
    await operations.delete(session, account, webhook_id)


@router.post("/webhooks/{webhook_id:uuid}:enable")
async def enable_webhook(
    session: SessionDep, account: CurrentAccount, webhook_id: UUID
) -> WebhookBody:
    """启用 · What waits is sent from now on."""
    return operations.show(await operations.enable(session, account, webhook_id))


@router.post("/webhooks/{webhook_id:uuid}:disable")
async def disable_webhook(
    session: SessionDep, account: CurrentAccount, webhook_id: UUID
) -> WebhookBody:
    """停用 · Nothing is sent any more."""
    return operations.show(await operations.disable(session, account, webhook_id))


@router.post("/webhooks/{webhook_id:uuid}:rotate-secret")
@unkept
async def rotate_webhook_secret(
    session: SessionDep,
    account: CurrentAccount,
    settings: SettingsDep,
    moment: MomentDep,
    webhook_id: UUID,
) -> NewWebhook:
    """更换密钥 · A new secret, shown once; for some hours the one before signs beside it."""
    overlap = settings.webhook_secret_overlap
    return await operations.rotate_secret(session, account, webhook_id, moment, overlap)


@router.post("/webhooks/{webhook_id:uuid}:test", status_code=status.HTTP_201_CREATED)
async def test_webhook(
    session: SessionDep, account: CurrentAccount, moment: MomentDep, webhook_id: UUID
) -> DeliveryBody:
    """试推送 · Send an event that says nothing but the webhook's id."""
    delivery = await operations.test(session, account, webhook_id, moment)
    return operations.show_delivery(delivery)


@router.get("/webhooks/{webhook_id:uuid}/deliveries")
async def list_webhook_deliveries(
    pages: PagesDep,
    account: CurrentAccount,
    webhook_id: UUID,
    query: Annotated[DeliveryQuery, Query()],
) -> Page[DeliveryBody]:
    """推送记录 · What was sent, how often, and what came of it."""
    return await operations.list_deliveries(pages, account, webhook_id, query)


@router.post("/webhook-deliveries/{delivery_id:uuid}:replay")
async def replay_webhook_delivery(
    session: SessionDep, account: CurrentAccount, moment: MomentDep, delivery_id: UUID
) -> DeliveryBody:
    """重新推送 · Send it again under the same id."""
    delivery = await operations.replay(session, account, delivery_id, moment)
    return operations.show_delivery(delivery)
