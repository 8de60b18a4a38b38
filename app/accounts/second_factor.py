"""The optional second step of a sign-in: codes of an authenticator (TOTP, RFC 6238).

Guesses are bounded: after five wrong codes in a row each further one locks the account's second
step for twice as long as the one before, up to a day: fifteen guesses on the first day, and then
hardly one a day.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository
from app.accounts.models import Account, RecoveryCode, SecondFactor
from app.accounts.schemas import (
    Enrolment,
    RecoveryCodes,
    RecoveryCodesRenewal,
    SecondFactorBody,
    SecondFactorDisabling,
    SecondFactorEnrolment,
    SignInFinish,
    Tokens,
)
from app.accounts.secrets import AccessTokens, digest
from app.accounts.sign_in import ENDED, begin_sign_in, end_sign_ins, require_password
from app.changes import operations as changes
from app.interface import auditing
from app.interface.errors import Conflict, Invalid, NotFound, NotSignedIn, TooManyRequests
from app.interface.language import Text
from app.interface.validation import FieldError

ISSUER = "Shuangku"
SECRET_BYTES = 20
DIGITS, STEP_SECONDS = 6, 30
DRIFT = (-1, 0, 1)  # steps that a clock may be off, RFC 6238, 5.2
FREE_FAILURES = 5
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(days=1)
RECOVERY_CODES, RECOVERY_BYTES = 10, 10
NO_FACTOR = Text("未设置两步验证", "There is no second factor")
WRONG_CODE = Text("验证码不正确或已使用", "The code is wrong or was used before")


class WrongCode(Invalid):
    """A code that does not fit; that it was tried is remembered."""

    keeps_work = True

    def __init__(self) -> None:
        error = FieldError(pointer="/code", code="wrong_code", message=WRONG_CODE)
        super().__init__(errors=[error])


class TooManyGuesses(TooManyRequests):
    code = "too_many_guesses"
    title = Text("错误次数过多，请稍后再试", "Too many wrong codes; try again later")

    def __init__(self, wait: timedelta) -> None:
        super().__init__(headers={"Retry-After": str(int(wait.total_seconds()) + 1)})


async def show(session: AsyncSession, account: Account) -> SecondFactorBody:
    factor = await repository.find_second_factor(session, account.id)
    if factor is None or factor.confirmed_at is None:
        return SecondFactorBody(is_active=False, confirmed_at=None, recovery_codes_left=0)
    left = await repository.count_recovery_codes(session, factor.id)
    return SecondFactorBody(
        is_active=True, confirmed_at=factor.confirmed_at, recovery_codes_left=left
    )


async def enrol(session: AsyncSession, account: Account, data: SecondFactorEnrolment) -> Enrolment:
    """A new secret, shown this once; it counts for nothing until a code of it has come."""
    await require_password(account, data.password)
    factor = await repository.find_second_factor(session, account.id, is_for_update=True)
    if factor is not None and factor.confirmed_at is not None:
        raise Conflict(Text("两步验证已启用", "There is a second factor already"))
    if factor is None:
        factor = SecondFactor(account_id=account.id)
        session.add(factor)
    factor.secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    await changes.append(session, "account.second_factor_enrolled", account.id, actor_id=account.id)
    uri = _generator(factor).get_provisioning_uri(account.email, ISSUER)
    return Enrolment(secret=factor.secret, uri=uri)


async def confirm(
    session: AsyncSession, account: Account, moment: datetime, code: str
) -> RecoveryCodes:
    """Put the second factor in force; the codes for the day it is lost are shown this once."""
    factor = await _get_locked(session, account)
    if factor.confirmed_at is not None:
        raise Conflict(Text("两步验证已启用", "There is a second factor already"))
    await _spend(session, factor, moment, code)
    factor.confirmed_at, account.has_second_factor = moment, True
    await changes.append(session, "account.second_factor_set_up", account.id, actor_id=account.id)
    return _make_recovery_codes(session, factor)


async def renew_recovery_codes(
    session: AsyncSession, account: Account, moment: datetime, data: RecoveryCodesRenewal
) -> RecoveryCodes:
    """New codes, shown this once, in the place of all earlier ones; one of those serves, too."""
    await require_password(account, data.password)
    factor = await _get_locked(session, account)
    if factor.confirmed_at is None:
        raise NotFound(NO_FACTOR)
    await _spend(session, factor, moment, data.code)
    await repository.retire_recovery_codes(session, factor.id, moment)
    await changes.append(session, "account.recovery_codes_renewed", account.id, actor_id=account.id)
    return _make_recovery_codes(session, factor)


async def disable(
    session: AsyncSession, account: Account, moment: datetime, data: SecondFactorDisabling
) -> None:
    """Needs the password and a code; a recovery code serves as well."""
    await require_password(account, data.password)
    await _spend(session, await _get_locked(session, account), moment, data.code)
    await _remove(session, account, "account.second_factor_disabled", account)


async def reset(session: AsyncSession, actor: Account, account: Account) -> None:
    """Take the second factor from somebody who has lost it; all their sign-ins end."""
    if actor.id == account.id:
        raise Conflict(Text("请用验证码停用自己的两步验证", "Disable your own with a code"))
    await _get_locked(session, account)
    await end_sign_ins(session, account)
    await _remove(session, account, "account.second_factor_reset", actor)


async def finish_sign_in(
    session: AsyncSession,
    tokens: AccessTokens,
    moment: datetime,
    data: SignInFinish,
) -> Tokens:
    """The second step: tokens for the challenge of the first one and a code."""
    claims = tokens.challenges().read(data.challenge)
    account = await repository.open_scope_of(session, claims.account_id) if claims else None
    if account is None or claims is None or claims.issued_at < account.tokens_valid_from:
        raise NotSignedIn(ENDED)
    if not account.is_active or not account.has_second_factor:
        raise NotSignedIn(ENDED)
    auditing.identify(session, account.id, account.role)
    await _spend(session, await _get_locked(session, account), moment, data.code)
    return await begin_sign_in(session, tokens, account)


async def _get_locked(session: AsyncSession, account: Account) -> SecondFactor:
    """The account's second factor, locked: of parallel guesses each one is counted.

    Its account is locked first, as by staff who reset the factor.
    """
    await repository.lock(session, account.id)
    factor = await repository.find_second_factor(session, account.id, is_for_update=True)
    if factor is None:
        raise NotFound(NO_FACTOR)
    return factor


async def _remove(session: AsyncSession, account: Account, kind: str, actor: Account) -> None:
    account.has_second_factor = False
    await repository.delete_second_factor(session, account.id)
    await changes.append(session, kind, account.id, actor_id=actor.id)


async def _spend(session: AsyncSession, factor: SecondFactor, moment: datetime, code: str) -> None:
    """Use the code up. Raises WrongCode, or TooManyGuesses without looking at the code."""
    if factor.locked_until is not None and moment < factor.locked_until:
        raise TooManyGuesses(factor.locked_until - moment)
    is_right = _spend_totp(factor, moment, code) or await _spend_recovery_code(
        session, factor, moment, code
    )
    if not is_right:
        _count_failure(factor, moment)
        raise WrongCode()
    factor.failed_count, factor.locked_until = 0, None


def _spend_totp(factor: SecondFactor, moment: datetime, code: str) -> bool:
    """Whether it is the code of a step near this moment and after the last one used."""
    present = int(moment.timestamp()) // STEP_SECONDS
    generator, given = _generator(factor), code.encode()
    fitting = [
        step
        for step in (present + drift for drift in DRIFT)
        if step > factor.last_step
        and secrets.compare_digest(generator.generate(step * STEP_SECONDS), given)
    ]
    factor.last_step = max(fitting, default=factor.last_step)
    return bool(fitting)


async def _spend_recovery_code(
    session: AsyncSession, factor: SecondFactor, moment: datetime, code: str
) -> bool:
    found = await repository.find_recovery_code(session, factor.id, digest(_plain(code)))
    if found is None or found.used_at is not None:
        return False
    found.used_at = moment
    return True


def _count_failure(factor: SecondFactor, moment: datetime) -> None:
    factor.failed_count += 1
    excess = factor.failed_count - FREE_FAILURES
    if excess >= 0:
        factor.locked_until = moment + min(FIRST_LOCK * 2 ** min(excess, 20), LONGEST_LOCK)


def _generator(factor: SecondFactor) -> TOTP:
    """SHA-1 and six digits: what every authenticator understands."""
    return TOTP(base64.b32decode(factor.secret), DIGITS, SHA1(), STEP_SECONDS)


def _make_recovery_codes(session: AsyncSession, factor: SecondFactor) -> RecoveryCodes:
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(
        RecoveryCode(factor_id=factor.id, code_hash=digest(_plain(code))) for code in codes
    )
    return RecoveryCodes(codes=codes)


def _new_recovery_code() -> str:
    """80 random bits in groups of four letters."""
    letters = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    groups: Sequence[str] = [letters[start : start + 4] for start in range(0, len(letters), 4)]
    return "-".join(groups)


def _plain(code: str) -> str:
    """The code as it is hashed, however it was typed."""
    return code.replace("-", "").replace(" ", "").lower()
