"""HEAD wherever there is GET, OPTIONS everywhere."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient

from tests.people import People, new_key

UNKNOWN = "00000000-0000-7000-8000-000000000000"


async def test_head_has_the_fields_of_get_and_no_content(people: People) -> None:
    staff = await people.coordinator()
    made = await staff.post("/experts", json={"name": "某人", "region_code": "330782"})
    for path in (f"/experts/{made.json()['id']}", "/experts", f"/experts/{UNKNOWN}", "/nowhere"):
        whole, head = await staff.get(path), await staff.head(path)
        assert head.status_code == whole.status_code, path
        assert head.content == b""
        for name in ("etag", "content-type", "cache-control", "ratelimit-policy", "vary"):
            assert head.headers.get(name) == whole.headers.get(name), (path, name)
        assert head.headers["content-length"] == str(len(whole.content))


async def test_head_meets_conditions_and_keys_that_only_read(people: People) -> None:
    staff = await people.administrator()
    tag = (await staff.get("/me")).headers["etag"]
    assert (await staff.head("/me", headers={"If-None-Match": tag})).status_code == 304
    key = await new_key(staff, is_read_only=True)
    reading = {"Authorization": f"Bearer {key['key']}"}
    assert (await staff.head("/me", headers=reading)).status_code == 200


async def test_options_names_the_methods_of_every_route(app: FastAPI, client: AsyncClient) -> None:
    methods: dict[str, set[str]] = {}
    for context in iter_route_contexts(app.routes):
        path = str(context.path_format).replace("{job_id}", "1")
        for name in ("account", "key", "organization", "membership", "expert", "evidence"):
            path = path.replace(f"{{{name}_id}}", UNKNOWN)
        if "{" not in path:
            methods.setdefault(path, set()).update(context.methods or ())
    assert len(methods) > 40
    for path, served in methods.items():
        if not served:
            continue
        answer = await client.options(f"http://test{path}")
        assert answer.status_code == 204, path
        assert answer.content == b""
        allowed = set(answer.headers["allow"].split(", "))
        assert allowed == served | {"OPTIONS"} | ({"HEAD"} if "GET" in served else set()), path
    assert (await client.options("/nowhere")).status_code == 404
