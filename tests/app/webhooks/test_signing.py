"""Signatures as the specification has them."""

import base64
from datetime import UTC, datetime

from app.webhooks.signing import headers_of, new_secret

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = datetime.fromtimestamp(1_614_265_330, UTC)
BODY = b'{"test": 2432232314}'


def test_the_published_example() -> None:
    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", BODY, [SECRET], AT)
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_sign_side_by_side() -> None:
    new = new_secret()
    both = headers_of("msg_1", BODY, [new, SECRET], AT)["webhook-signature"].split(" ")
    each = [headers_of("msg_1", BODY, [s], AT)["webhook-signature"] for s in (new, SECRET)]
    assert both == each


def test_a_secret_is_random_and_long() -> None:
    found = {new_secret() for _ in range(10)}
    assert len(found) == 10
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in found} == {32}
