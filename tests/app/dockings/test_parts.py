"""What is kept beside a docking: the log, files, agreements, services, ratings."""

import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import today
from app.dockings.agreements import operations as agreements
from app.dockings.attachments import media
from app.dockings.attachments.media import media_type_of
from tests.app.dockings.scenes import Scene, contacted, docked, recommended, taken
from tests.people import GUANGZHOU, People

PDF = b"%PDF-1.7\n%%EOF"
TODAY, TOMORROW = today().isoformat(), (today() + timedelta(days=1)).isoformat()


@pytest.fixture
async def scene(people: People, session: AsyncSession) -> Scene:
    return await recommended(people, session)


@pytest.fixture
async def docking_id(scene: Scene) -> str:
    return await contacted(scene)


async def sent(client: AsyncClient, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = await client.post(path, json=body)
    return answer.status_code, answer.json()


async def items(client: AsyncClient, path: str, **query: str) -> list[dict[str, Any]]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def package(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            file.writestr(name, "-")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (PDF, "pdf"),
        (b"\x89PNG\r\n\x1a\n...", "png"),
        (b"\xff\xd8\xff\xe0...", "jpeg"),
        (package("[Content_Types].xml", "word/document.xml"), "wordprocessingml.document"),
        (package("xl/workbook.xml"), "spreadsheetml.sheet"),
        (package("OFD.xml"), "ofd"),
        (package("xl/workbook.xml", "xl/vbaProject.bin"), None),
        (package("anything.txt"), None),
        (b"PK\x03\x04 which is no package", None),
        (b"<html><script>", None),
        (b"MZ\x90", None),
        (b"", None),
    ],
)
def test_what_a_file_is_stands_in_it(content: bytes, ending: str | None) -> None:
    found = media_type_of(content)
    assert (found is None) if ending is None else str(found).endswith(ending)


def test_a_long_list_of_parts_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [f"{number}.xml" for number in range(50)]
    content = package("word/document.xml", *parts)
    assert media_type_of(content) is not None
    monkeypatch.setattr(media, "MOST_PARTS", 50)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # to call it would fail
    assert media_type_of(content) is None


async def test_the_log_is_corrected_and_never_changed(scene: Scene, docking_id: str) -> None:
    path = f"/dockings/{docking_id}/log"
    entry = {"kind": "visit", "channel": "in_person", "happened_on": TODAY, "text": "看了产线"}
    status, refused = await sent(scene.staff, path, entry | {"happened_on": TOMORROW})
    assert (status, refused["errors"][0]["pointer"]) == (422, "/happened_on")
    status, first = await sent(scene.staff, path, entry | {"place": "车间"})
    assert (status, first["side"]) == (201, "staff")
    correction = entry | {"text": "看了两条产线", "corrects_id": first["id"]}
    status, refused = await sent(scene.person, path, correction)  # which is not of its side
    assert (status, refused["errors"][0]["pointer"]) == (422, "/corrects_id")
    assert (await sent(scene.staff, path, correction))[0] == 201
    assert (await sent(scene.staff, path, correction))[0] == 409
    current = await items(scene.enterprise, path, is_current="true")
    assert [e["text"] for e in current] == ["看了两条产线"]
    assert len(await items(scene.person, path, kind="visit")) == 2


async def test_what_staff_write_for_each_other_stays_with_them(
    people: People, scene: Scene, docking_id: str
) -> None:
    path = f"/dockings/{docking_id}/log"
    entry = {"kind": "contact", "happened_on": TODAY, "text": "企业预算偏紧", "is_for_staff": True}
    assert (await sent(scene.enterprise, path, entry))[0] == 403
    status, first = await sent(scene.staff, path, entry)
    assert status == 201
    correction = entry | {"corrects_id": first["id"], "is_for_staff": False}
    status, shown = await sent(scene.staff, path, correction)
    assert (status, shown["is_for_staff"]) == (201, True)
    open_entry = entry | {"text": "谈了工艺", "is_for_staff": False}
    assert await items(scene.enterprise, path) == await items(scene.person, path) == []
    _, opened = await sent(scene.staff, path, open_entry)
    status, refused = await sent(scene.staff, path, entry | {"corrects_id": opened["id"]})
    assert (status, refused["errors"][0]["pointer"]) == (422, "/is_for_staff")
    for side in (scene.enterprise, scene.person):
        assert [e["text"] for e in await items(side, path)] == ["谈了工艺"]
    assert len(await items(scene.staff, path)) == 3
    assert (await (await people.coordinator(GUANGZHOU)).get(path)).status_code == 404


async def test_files_are_kept_as_they_came_and_taken_back(scene: Scene, docking_id: str) -> None:
    path = f"/dockings/{docking_id}/attachments"

    async def attached(client: AsyncClient, name: str, content: bytes) -> Any:
        return await client.post(path, files={"file": (name, content)})

    for name, content in (("恶意.pdf", b"<script>"), ("合同.docx", PDF)):
        refused = await attached(scene.enterprise, name, content)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/file")
    large = await attached(scene.enterprise, "合同.pdf", PDF + bytes(10 * 1024 * 1024))
    assert large.status_code == 413
    kept = await attached(scene.enterprise, "../合同 一.pdf", PDF)
    assert (kept.status_code, kept.json()["filename"]) == (201, "..合同 一.pdf")
    file_path = f"/attachments/{kept.json()['id']}"
    shown = await scene.person.get(f"{file_path}/content")
    assert (shown.content, shown.headers["content-type"]) == (PDF, "application/pdf")
    assert shown.headers["content-disposition"].startswith("attachment; filename*=UTF-8''..%E5")
    reason = {"reason": "传错了"}
    assert (await scene.person.post(f"{file_path}:withdraw", json=reason)).status_code == 403
    withdrawn = await scene.enterprise.post(f"{file_path}:withdraw", json=reason)
    assert withdrawn.json()["withdrawal_reason"] == "传错了"
    assert (await scene.person.get(f"{file_path}/content")).status_code == 404
    assert [a["allowed_actions"] for a in await items(scene.staff, path)] == [[]]
    assert (await scene.staff.post(f"{file_path}:withdraw", json=reason)).status_code == 409


async def test_an_agreement_is_signed_with_its_docking(scene: Scene, docking_id: str) -> None:
    await taken(scene.enterprise, docking_id, "negotiate")
    path = f"/dockings/{docking_id}/agreements"
    fields = {"kind": "development", "title": "开发合同", "amount": "50"}
    status, refused = await sent(scene.enterprise, path, fields | {"technology_amount": "51"})
    assert (status, refused["errors"][0]["pointer"]) == (422, "/technology_amount")
    status, agreement = await sent(scene.enterprise, path, fields | {"technology_amount": "40"})
    assert (status, agreement["amount"], agreement["state"]) == (201, "50", "drafted")
    one = f"/agreements/{agreement['id']}"
    day = {"signed_on": TODAY}
    status, refused = await sent(scene.enterprise, f"{one}:sign", day)
    assert (status, [e["pointer"] for e in refused["errors"]]) == (422, ["/parties"])
    tag = (await scene.enterprise.get(one)).headers["etag"]
    change = {"parties": ["甲公司", "乙大学"], "starts_on": "2026-05-01", "ends_on": "2026-04-01"}
    crossed = await scene.enterprise.patch(one, json=change, headers={"If-Match": tag})
    assert crossed.json()["errors"][0]["pointer"] == "/ends_on"
    change["ends_on"] = "2027-04-30"
    patched = await scene.enterprise.patch(one, json=change, headers={"If-Match": tag})
    assert (patched.status_code, patched.json()["amount"]) == (200, "50")
    assert (await sent(scene.person, f"{one}:sign", day))[0] == 403
    assert (await sent(scene.enterprise, f"{one}:sign", {"signed_on": TOMORROW}))[0] == 422
    status, signed = await sent(scene.enterprise, f"{one}:sign", day)
    assert (status, signed["state"], signed["signed_on"]) == (200, "signed", TODAY)
    assert (await scene.person.get(f"/dockings/{docking_id}")).json()["state"] == "signed"
    changed = await scene.enterprise.patch(one, json=change, headers={"If-Match": "*"})
    assert changed.status_code == 409
    number = {"registration_number": "2026330782000123"}
    assert (await sent(scene.enterprise, f"{one}:register", number))[0] == 200
    assert (await sent(scene.staff, f"{one}:conclude", {}))[1]["state"] == "concluded"
    assert [a["id"] for a in await items(scene.staff, "/agreements", state="concluded")] == [
        agreement["id"]
    ]
    assert await items(scene.person, "/agreements", state="drafted") == []


async def test_nothing_is_signed_before_both_accept_nor_once_it_came_to_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    docking_id = await docked(scene)
    fields = {"kind": "service", "title": "服务合同", "amount": "5", "parties": ["甲", "乙"]}
    path = f"/dockings/{docking_id}/agreements"
    with monkeypatch.context() as patched:  # no side takes the room of the others
        patched.setattr(agreements, "MOST_AGREEMENTS", 1)
        sides = (scene.staff, scene.staff, scene.enterprise)
        (one, _), (two, _), (three, agreement) = [await sent(c, path, fields) for c in sides]
    assert (one, two, three) == (201, 409, 201)
    path = f"/agreements/{agreement['id']}"

    async def refused() -> bool:
        shown = (await scene.enterprise.get(path)).json()
        status, problem = await sent(scene.enterprise, f"{path}:sign", {"signed_on": TODAY})
        assert "对接的当前状态：" in problem["detail"]
        return (status, shown["allowed_actions"]) == (409, ["update"])

    assert await refused()
    await taken(scene.staff, docking_id, "invite")
    assert await refused()
    for side in (scene.person, scene.enterprise):
        await taken(side, docking_id, "accept-invitation")
    assert "sign" in (await scene.enterprise.get(path)).json()["allowed_actions"]
    await taken(scene.person, docking_id, "fail")
    assert await refused()


async def test_a_service_counts_once_the_enterprise_confirms_it(
    scene: Scene, docking_id: str
) -> None:
    path = f"/dockings/{docking_id}/service-records"
    fields = {"kind": "diagnosis", "served_on": TODAY, "hours": "3.5", "summary": "定位黄变"}
    assert (await sent(scene.enterprise, path, fields))[0] == 403
    assert (await sent(scene.person, path, fields | {"served_on": TOMORROW}))[0] == 422
    status, service = await sent(scene.person, path, fields)
    assert (status, service["hours"], service["side"]) == (201, "3.5", "expert")
    one = f"/service-records/{service['id']}"
    assert (await sent(scene.staff, f"{one}:count", {}))[0] == 409
    assert (await sent(scene.person, f"{one}:confirm", {}))[0] == 403
    status, disputed = await sent(scene.enterprise, f"{one}:dispute", {"reason": "只有两小时"})
    assert (disputed["state"], disputed["state_reason"]) == ("disputed", "只有两小时")
    status, amended = await sent(scene.person, f"{one}:amend", fields | {"hours": "2"})
    assert (amended["state"], amended["hours"], amended["state_reason"]) == ("recorded", "2", "")
    assert (await sent(scene.staff, f"{one}:confirm", {}))[0] == 422  # for whom?
    status, confirmed = await sent(scene.enterprise, f"{one}:confirm", {"satisfaction": 5})
    assert (confirmed["state"], confirmed["satisfaction"]) == ("confirmed", 5)
    assert (await sent(scene.person, f"{one}:amend", fields))[0] == 409
    assert (await sent(scene.staff, f"{one}:count", {}))[1]["state"] == "counted"
    listed = await items(scene.enterprise, "/service-records", served_on_gte=TODAY)
    assert [s["state"] for s in listed] == ["counted"]


async def test_both_sides_rate_and_read_their_own(scene: Scene, docking_id: str) -> None:
    path, rating = f"/dockings/{docking_id}:rate", {"score": 4, "text": "响应及时"}
    assert (await sent(scene.enterprise, path, rating))[0] == 409
    await taken(scene.staff, docking_id, "fail")
    assert (await sent(scene.enterprise, path, rating | {"score": 6}))[0] == 422
    assert (await sent(scene.staff, path, rating))[0] == 422  # for whom?
    assert (await sent(scene.enterprise, path, rating))[0] == 201
    status, noted = await sent(scene.staff, path, {"score": 3, "on_behalf_of": "expert"})
    assert (status, noted["is_noted_by_staff"]) == (201, True)
    ratings = f"/dockings/{docking_id}/ratings"
    sides = [[r["side"] for r in await items(c, ratings)] for c in (scene.enterprise, scene.person)]
    assert sides == [["enterprise"], ["expert"]]
    assert len(await items(scene.staff, ratings)) == 2


async def test_nobody_of_another_docking_reads_or_writes(people: People, scene: Scene) -> None:
    docking_id = await docked(scene)
    stranger = await people.enterprise()
    for path in ("log", "attachments", "ratings", "demand", "contacts"):
        answers = [await c.get(f"/dockings/{docking_id}/{path}") for c in (stranger, scene.person)]
        assert [a.status_code for a in answers] == [404, 404], path
    for path in ("log", "agreements", "service-records"):
        answer = await stranger.post(f"/dockings/{docking_id}/{path}", json={})
        assert answer.status_code in (404, 422)
