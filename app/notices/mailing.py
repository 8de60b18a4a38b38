"""Notices by e-mail, for accounts that want them: one digest for each run and person.

What goes into a digest is written down before it is sent, and that it was sent afterwards. Whoever
is killed between the two sends it again, under the same Message-ID, and nothing is lost.
"""

import logging
import smtplib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from uuid import UUID

from anyio import to_thread

from app.accounts import repository as accounts
from app.interface.language import Text
from app.notices import operations, repository
from app.notices.quiet import is_quiet
from app.one_by_one import attend_to
from app.organizations.actors import actor_of
from app.outgoing_settings import MailSecurity
from app.scopes import Scope, Sessions, within
from app.settings import Settings
from app.trust import trusted

logger = logging.getLogger(__name__)

# What could not be sent for so long is left to be read in the service.
TRIED_FOR = timedelta(days=3)
SUBJECT = Text("双库：{count} 条新通知", "Shuangku: {count} new")
WHERE = Text("请登录双库查看详情。", "Sign in to Shuangku for more.")


async def send_digests(sessions: Sessions, settings: Settings, moment: datetime) -> None:
    """Send what waits, unless these are quiet hours; what fails waits for the next run."""
    if not settings.smtp_host or is_quiet(moment, settings.quiet_hours):
        return
    everything, since = within(sessions, Scope.SERVICE), moment - TRIED_FOR
    async with everything.begin() as session:
        await repository.begin_digests(session, since)
    async with everything() as session:
        readers = dict(await repository.waiting_digests(session, since))
    # The library fails in many ways at addresses that are none, and one of them is somebody's own.
    await attend_to(readers, partial(_mail, sessions, settings, moment, readers), what="digest")


async def _mail(
    sessions: Sessions,
    settings: Settings,
    moment: datetime,
    readers: Mapping[UUID, UUID],
    digest_id: UUID,
) -> bool:
    """Send one digest, and note that; whether it was sent."""
    message = await _digest(sessions, settings, digest_id, readers[digest_id], moment)
    if message is None:
        return False
    try:
        await to_thread.run_sync(_send, settings, message)
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("digest %s waits: %s", digest_id, type(error).__name__)
        return False
    async with within(sessions, Scope.SERVICE).begin() as session:
        await repository.note_mailed(session, digest_id, moment)
    return True


async def _digest(
    sessions: Sessions, settings: Settings, digest_id: UUID, account_id: UUID, moment: datetime
) -> EmailMessage | None:
    """The e-mail with what its reader may see now; None for an account that was shut."""
    async with sessions() as session:
        account = await accounts.open_scope_of(session, account_id)
        if account is None or not account.is_active:
            return None
        notices = await repository.of_digest(session, digest_id)
        texts = await operations.texts_of(session, actor_of(session, account), notices)
    message = written([texts[notice.id] for notice in notices])
    message["From"], message["To"] = settings.smtp_from, account.email
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = f"<{digest_id}@{settings.smtp_from.rpartition('@')[2]}>"
    return message


def written(texts: Sequence[Text]) -> EmailMessage:
    """The notices in both languages, as nobody has said which one the reader prefers."""
    message = EmailMessage()
    message["Subject"] = SUBJECT.format(count=len(texts)).in_both
    message["Auto-Submitted"] = "auto-generated"
    lines = [f"- {text.zh}\n  {text.en}\n" for text in texts]
    message.set_content("\n".join([*lines, WHERE.in_both, ""]))
    return message


def _send(settings: Settings, message: EmailMessage) -> None:
    """Blocking. Raises OSError or SMTPException."""
    address = (settings.smtp_host, settings.smtp_port)
    seconds, security = settings.smtp_timeout_seconds, settings.smtp_security
    is_tls = security is MailSecurity.TLS
    client = (
        smtplib.SMTP_SSL(*address, timeout=seconds, context=trusted())
        if is_tls
        else smtplib.SMTP(*address, timeout=seconds)
    )
    with client:
        if security is MailSecurity.STARTTLS:
            client.starttls(context=trusted())
        if settings.smtp_user:
            client.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        client.send_message(message)
