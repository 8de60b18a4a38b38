"""The documented examples are sent as they stand, on the demonstration pool: none is refused."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.bulk.demonstration.pool import DATA, load_demonstration
from app.interface.examples import EXAMPLES_BY_SHAPE
from tests.people import overwriting

Schema = dict[str, Any]
JSON = "application/json"
NOBODYS = EXAMPLES_BY_SHAPE["uuid"]

# Who may do it; the rest is done by the account of the example of signing in, a coordinator.
ACTORS = {
    "create_demand": "enterprise",
    "create_membership": "expert",
    "erase_me": "enterprise",
    "link_expert_account": "administrator",
}
# What needs a code or token that the service shows once to somebody, or a provider that the
# demonstration has not.
NEED_A_SECRET = frozenset(
    {
        "confirm_second_factor",
        "disable_second_factor",
        "finish_sign_in",
        "finish_with_provider",
        "link_identity",
        "refresh_tokens",
        "renew_recovery_codes",
        "reset_password",
        "start_link",
        "start_with_provider",
    }
)
# They end what the others need: the demand that is matched, and then the account.
LAST = {"withdraw_demand": 1, "change_password": 2, "erase_me": 2, "sign_out": 2}


class Reader:
    """Somebody who reads the documentation and tries what it says."""

    def __init__(self, client: AsyncClient, document: Schema) -> None:
        self._client = client
        self._document = document
        self._tokens: dict[str, str] = {}
        self._ids: dict[str, Any] = {}

    def operations(self) -> Iterator[tuple[str, str, Schema]]:
        """Method, path and operation of every JSON request body."""
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if JSON in operation.get("requestBody", {}).get("content", {}):
                    yield method, path, operation

    async def sign_in(self, name: str = "") -> None:
        """As the example says, or as another of the demonstration's accounts."""
        path = "/api/v1/auth:sign-in"
        example = self.example(self._document["paths"][path]["post"])
        body = example | ({"email": f"{name}@demo.invalid"} if name else {})
        answer = await self._client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        self._tokens[name] = answer.json()["access_token"]

    async def look_around(self) -> None:
        """Note the id of a record of each kind, as a path's parameters are called."""
        for kind in ("demands", "experts", "organizations", "achievements"):
            page = await self._get(f"/api/v1/{kind}")
            self._ids[f"{kind.removesuffix('s')}_id"] = page["items"][0]["id"]
        self._ids["lead_organization_id"] = self._ids["organization_id"]
        accounts = await self._get("/api/v1/accounts", role="expert")
        self._ids["account_id"] = accounts["items"][0]["id"]
        expert = await self._get(f"/api/v1/experts/{self._ids['expert_id']}")
        self._ids["evidence_id"] = expert["evidence"][0]["id"]
        run = await self._client.post(
            f"/api/v1/demands/{self._ids['demand_id']}:match", headers=self._headers("")
        )
        self._ids["match_id"] = run.json()["matches"][0]["id"]
        self._ids["match_ids"] = [self._ids["match_id"]]

    async def send(self, method: str, path: str, operation: Schema) -> Response:
        """The example, with the ids of records that there are."""
        body = self._example_with_ids(operation)
        headers = self._headers(ACTORS.get(operation["operationId"], ""))
        address = path.format_map(defaultdict(lambda: NOBODYS, self._ids))
        return await self._client.request(method, address, json=body, headers=headers)

    async def upload(self, file: Path) -> Response:
        """The example of the form of an import, with a file of the kind that it names."""
        path = "/api/v1/imports"
        operation = self._document["paths"][path]["post"]
        example = operation["requestBody"]["content"]["multipart/form-data"]["example"]
        assert file.stem == example["kind"]
        form = {name: str(value) for name, value in example.items() if name != "file"}
        files = {"file": (file.name, await to_thread.run_sync(file.read_bytes))}
        return await self._client.post(path, data=form, files=files, headers=self._headers(""))

    def example(self, operation: Schema) -> Schema:
        example: Schema = operation["requestBody"]["content"][JSON]["example"]
        return example

    def _example_with_ids(self, operation: Schema) -> Schema:
        example = self.example(operation)
        return example | {name: self._ids[name] for name in example if name in self._ids}

    async def _get(self, path: str, **parameters: str) -> Any:
        name = "administrator" if path.endswith("/accounts") else ""
        answer = await self._client.get(path, params=parameters, headers=self._headers(name))
        return answer.json()

    def _headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[name]}"}


@pytest.fixture
async def reader(app: FastAPI, client: AsyncClient) -> Reader:
    await load_demonstration(app.state.sessions)
    client.base_url = "http://test"
    client.event_hooks = {"request": [overwriting]}
    reader = Reader(client, app.openapi())
    for name in ("", "enterprise", "expert", "administrator"):
        await reader.sign_in(name)
    await reader.look_around()
    return reader


async def test_every_example_can_be_sent_as_it_stands(reader: Reader) -> None:
    """What names no record succeeds; what does may find it in another state, or not one's own."""
    answer = await reader.upload(DATA / "organizations.jsonl")
    assert answer.status_code == 202, answer.text
    answers: dict[str, Response] = {}
    refused: list[str] = []
    todo = [o for o in reader.operations() if o[2]["operationId"] not in NEED_A_SECRET]
    for method, path, operation in sorted(todo, key=lambda o: LAST.get(o[2]["operationId"], 0)):
        answer = await reader.send(method, path, operation)
        answers[operation["operationId"]] = answer
        is_met = answer.is_success or ("{" in path and answer.status_code in (403, 404, 409))
        if not is_met:
            refused.append(f"{method.upper()} {path}: {answer.status_code} {answer.text}")
    assert not refused, "\n".join(refused)
    assert len(answers) > 30
    for name in ("match_demand", "preview_match"):
        assert len(answers[name].json()["matches"]) > 1, name
