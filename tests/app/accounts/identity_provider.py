"""A real OpenID Connect provider on this machine, in a process of its own.

`python -m tests.app.accounts.identity_provider` prints its issuer and serves until it is killed.
Whoever comes to `/authorize` is the person that `PUT /control` named last; `fault` makes the
provider misbehave in one of the ways that providers do.
"""

import asyncio
import base64
import json
import secrets
import socket
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "shuangku", "a secret with: signs&more, of the tests"
REDIRECT_URI = "https://app.test.invalid/back"
HANG_SECONDS = 30


@dataclass(eq=False)
class State:
    issuer: str
    person: dict[str, Any] = field(default_factory=dict)
    fault: str | None = None
    key: RSAKey | ECKey = field(default_factory=lambda: RSAKey.generate_key(auto_kid=True))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)


def create(state: State) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def note(request: Request, proceed: Any) -> Response:
        if request.url.path != "/control":
            state.requests.append(request.url.path)
            if state.fault == "hang":
                await asyncio.sleep(HANG_SECONDS)
            if state.fault == "error":
                return Response("<html>", status_code=500)
            if state.fault == "html":
                return Response("<html>")
        answer: Response = await proceed(request)
        return answer

    @app.put("/control")
    async def control(told: dict[str, Any]) -> list[str]:
        """Set person or fault, or change the key; the requests since the last time."""
        state.person, state.fault = told["person"], told["fault"]
        if told["new_key"]:
            kind: Any = {"RSA": RSAKey, "EC": ECKey}[told["new_key"]]
            state.key = kind.generate_key(auto_kid=True)
        seen, state.requests = state.requests, []
        return seen

    @app.get("/.well-known/openid-configuration")
    async def describe() -> dict[str, Any]:
        at = state.issuer
        return {
            "issuer": "https://elsewhere.invalid" if state.fault == "other description" else at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/jwks",
            "userinfo_endpoint": f"{at}/userinfo",
            "authorization_response_iss_parameter_supported": True,
        }

    @app.get("/jwks")
    async def publish() -> dict[str, Any]:
        unreadable = {"kty": "LATTICE", "kid": "from the future"}
        return {"keys": [unreadable, state.key.as_dict(private=False, use="sig")]}

    @app.get("/authorize")
    async def authorize(request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        is_right = (
            asked["client_id"] == CLIENT_ID
            and asked["redirect_uri"] == REDIRECT_URI
            and asked["response_type"] == "code"
            and asked["code_challenge_method"] == "S256"
            and "openid" in asked["scope"].split()
            and min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        )
        if not is_right:
            raise HTTPException(400)
        code = secrets.token_urlsafe(16)
        state.codes[code] = asked | {"sub": state.person["sub"]}
        back = urlencode({"code": code, "state": asked["state"], "iss": state.issuer})
        return RedirectResponse(f"{REDIRECT_URI}?{back}", status_code=302)

    @app.post("/token")
    async def exchange(request: Request, response: Response) -> dict[str, Any]:
        form = await request.form()
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        pair = base64.b64decode(given).decode().split(":")
        if scheme != "Basic" or [unquote_plus(p) for p in pair] != [CLIENT_ID, CLIENT_SECRET]:
            raise HTTPException(401)
        asked = state.codes.pop(str(form["code"]), None)
        if (
            asked is None
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != asked["redirect_uri"]
            or create_s256_code_challenge(str(form["code_verifier"])) != asked["code_challenge"]
        ):
            response.status_code = 400
            return {"error": "invalid_grant"}
        token = "an access token"
        return {"access_token": token, "token_type": "Bearer", "id_token": _id_token(state, asked)}

    @app.get("/userinfo")
    async def tell(request: Request) -> dict[str, Any]:
        if request.headers["authorization"] != "Bearer an access token":
            raise HTTPException(401)
        sub = "somebody else" if state.fault == "other userinfo" else state.person["sub"]
        told: dict[str, Any] = state.person["userinfo"]
        return told | {"sub": sub}

    return app


def _id_token(state: State, asked: dict[str, str]) -> str:
    fault, moment = state.fault, int(time.time())
    claims = {key: value for key, value in state.person.items() if key != "userinfo"} | {
        "iss": state.issuer,
        "aud": CLIENT_ID,
        "iat": moment,
        "exp": moment + 300,
        "nonce": asked["nonce"],
    }
    wrong: dict[str, dict[str, Any]] = {
        "wrong nonce": {"nonce": "another"},
        "wrong audience": {"aud": "another client"},
        "two audiences": {"aud": [CLIENT_ID, "another client"]},
        "other party": {"aud": [CLIENT_ID, "another client"], "azp": "another client"},
        "wrong issuer": {"iss": "https://elsewhere.invalid"},
        "expired": {"iat": moment - 7200, "exp": moment - 3600},
        "from the future": {"iat": moment + 7200, "exp": moment + 9000},
        "wrong access token": {"at_hash": "AAAA"},
    }
    claims |= wrong.get(fault or "", {})
    if fault in ("no nonce", "no exp", "no sub", "no aud"):
        del claims[fault.removeprefix("no ")]
    return _signed(state, claims)


def _signed(state: State, claims: dict[str, Any]) -> str:
    algorithm = "ES256" if isinstance(state.key, ECKey) else "RS256"
    header = {"alg": algorithm, "kid": state.key.kid}
    match state.fault:
        case "none algorithm":
            parts = [json.dumps(p).encode() for p in ({"alg": "none"}, claims)]
            return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts) + "."
        case "shared secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))
        case "public key as a secret":
            public = state.key.as_pem(private=False)
            return jws.serialize_compact(
                {"alg": "HS256", "kid": state.key.kid},
                json.dumps(claims),
                OctKey.import_key(base64.b64encode(public)),
            )
        case "forged":
            return jwt.encode(header, claims, RSAKey.generate_key())
        case "changed afterwards":
            head, _, signature = jwt.encode(header, claims, state.key).split(".")
            body = json.dumps(claims | {"sub": "the administrator"}).encode()
            return f"{head}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.{signature}"
        case "no token":
            return ""
    return jwt.encode(header, claims, state.key)


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who comes before it serves waits
    issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(create(State(issuer)), log_level="warning"))
    print(issuer, flush=True)
    asyncio.run(server.serve([listener]))


if __name__ == "__main__":
    main()
