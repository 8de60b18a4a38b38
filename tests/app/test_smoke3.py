from sqlalchemy.ext.asyncio import AsyncSession

from tests.people import People


async def test_match_flow(people: People, session: AsyncSession) -> None:
    org = await people.organization("测试袜厂")
    org.unified_social_credit_code = "91330782MA2DEMO13R"
    await session.commit()
    ent = await people.enterprise(org)
    staff = await people.coordinator()
    ids = []
    for name, d in (
        ("甲", "锦纶染色 黄变控制 超细旦"),
        ("乙", "茶叶加工 茶园害虫"),
        ("丙", "耐火材料 高温窑炉"),
    ):
        r = await staff.post(
            "/experts",
            json={
                "name": name,
                "research_directions": [d],
                "title": "教授",
                "disciplines": ["430"],
                "region_code": "330782",
                "organization_name": "某大学",
                "evidence": [{"kind": "patent", "title": d + "的方法"}],
            },
        )
        assert r.status_code == 201, r.text
        ids.append(r.json()["id"])
        for verb in ("submit", "begin-review", "recommend", "admit"):
            r = await staff.post(f"/experts/{ids[-1]}:{verb}")
            assert r.status_code == 200, r.text
    r = await ent.post(
        "/demands",
        json={
            "title": "超细旦锦纶袜浅色黄变控制",
            "problem": "黄变",
            "keywords": ["锦纶", "黄变", "袜机"],
            "key_indicators": "ΔE<1",
            "expected_outcome": "x",
            "period_until_on": "2027-12-31",
            "cooperation_mode": "commissioned",
            "technology_field": "new_materials",
            "industry_code": "18",
            "contact_name": "王",
            "contact_phone": "1",
            "budget": "50.5",
        },
    )
    d = r.json()
    r = await ent.post(f"/demands/{d['id']}:submit")
    for verb in ("begin-review", "pass-formal-review", "publish"):
        r = await staff.post(f"/demands/{d['id']}:{verb}")
    r = await staff.post(f"/demands/{d['id']}:match")
    assert r.status_code == 201, r.text
    print(r.text)
    run = r.json()
    m = run["matches"][0]
    assert abs(sum(c["value"] for c in m["contributions"]) - m["score"]) < 1e-6
    r = await ent.get(f"/demands/{d['id']}/recommendations")
    print(r.text)
    r = await staff.post(f"/matches/{m['id']}:judge", json={"verdict": "recommended"})
    print(r.text)
    r = await ent.get(f"/demands/{d['id']}/recommendations")
    print(r.text)
    r = await staff.get(f"/experts/{ids[0]}/matching-demands")
    print(r.text)
    r = await staff.get(f"/demands/{d['id']}/similar-demands")
    print(r.text)
    r = await staff.get(f"/demands/{d['id']}/matching-achievements")
    print(r.text)
    r = await staff.post("/matches:preview", json={"title": "茶"})
    print(r.text[:300])
    r = await staff.get("/match-indexes")
    print(r.text[:500])
    r = await staff.post(f"/experts/{ids[0]}:suspend", json={"reason": "x"})
    r = await staff.post(f"/demands/{d['id']}:match")
    print([x["expert"]["name"] for x in r.json()["matches"]])
