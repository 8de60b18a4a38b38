"""The steps of the story, in order: each is played, and what every party sees is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.clock import day_began_at, today
from app.evaluation.cases import Cases
from scripts.service import Service
from scripts.story.people import Cast, Person

YIWU, GUANGZHOU = "330782", "440100"
DEPTH = 20
PDF = b"%PDF-1.7\n%%EOF\n"
TODAY = today().isoformat()
TOLERANCE = 1e-6


@dataclass
class Stage:
    """What the steps so far have left for the ones that follow."""

    service: Service
    cases: Cases
    cast: Cast
    people: dict[str, Person] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def demand(self) -> str:
        return f"/demands/{self.ids['demand']}"

    @property
    def docking(self) -> str:
        return f"/dockings/{self.ids['docking']}"

    @property
    def sides(self) -> tuple[Person, Person, Person]:
        return self.people["enterprise"], self.people["second"], self.people["staff"]


Step = Callable[[Stage], str]
STEPS: list[Step] = []


def step(played: Step) -> Step:
    """Steps are played in the order in which they stand here."""
    STEPS.append(played)
    return played


def is_in(*states: str) -> Callable[[Any], bool]:
    return lambda record: record["state"] in states


@step
def pools_are_imported(stage: Stage) -> str:
    """导入专家与需求 · Both pools come in by file, straight into the pool."""
    experts = [case.as_row() for case in stage.cases.experts]
    demands = [case.as_row() | {"region_code": YIWU} for case in stage.cases.demands]
    stage.service.import_rows("experts", experts)
    stage.service.import_rows("demands", demands)
    stage.service.wait_until_encoded()
    known = stage.service.external_ids("experts"), stage.service.external_ids("demands")
    assert (len(known[0]), len(known[1])) == (len(experts), len(demands))
    stage.found["expert_cases"] = known[0]
    judged = stage.cases.judgments["docking"]
    case_id = min(judged)
    stage.ids["demand"] = next(i for i, case in known[1].items() if case == case_id)
    stage.found["wanted"] = {expert for expert, grade in judged[case_id].items() if grade}
    return f"{len(experts)} 位专家，{len(demands)} 条需求，均已入库"


@step
def staff_and_enterprise_sign_in(stage: Stage) -> str:
    """建立账号 · A coordinator of the county, the enterprise, and a coordinator from elsewhere."""
    cast = stage.cast
    stage.people["staff"] = staff = cast.enter("义乌协调员", "coordinator", YIWU)
    stage.people["elsewhere"] = elsewhere = cast.enter("广州协调员", "coordinator", GUANGZHOU)
    stage.people["enterprise"] = enterprise = cast.enter("企业联系人", "enterprise", YIWU)
    enterprise.is_refused("GET", stage.demand, 404)
    demand = staff.get(stage.demand)
    membership = staff.post(
        "/memberships",
        account_id=enterprise.account_id,
        organization_id=demand["organization_id"],
    )
    if membership["state"] != "approved":
        staff.post(f"/memberships/{membership['id']}:approve")
    assert enterprise.get(stage.demand)["problem"] == demand["problem"]
    assert elsewhere.get(stage.demand)["problem"] is None
    stage.found["demand"] = demand
    return f"需求“{demand['title']}”：企业读全文，外地协调员只读公开摘要"


@step
def experts_are_ranked_with_reasons(stage: Stage) -> str:
    """匹配专家 · Ranked experts, each with reasons that add up to the score."""
    staff, enterprise = stage.people["staff"], stage.people["enterprise"]
    run = staff.post(f"{stage.demand}:match", limit=DEPTH)
    matches = run["matches"]
    assert len(matches) == DEPTH
    for match in matches:
        total = sum(term["value"] for term in match["contributions"])
        assert abs(total - match["score"]) < TOLERANCE
    assert [m["rank"] for m in matches] == list(range(1, DEPTH + 1))
    enterprise.is_refused("POST", f"{stage.demand}:match", 403)
    assert enterprise.items(f"{stage.demand}/recommendations") == []
    stage.found["matches"] = matches
    cases = stage.found["expert_cases"]
    ranks = [m["rank"] for m in matches if cases[m["expert"]["id"]] in stage.found["wanted"]]
    known = f"；实际对接过的专家排在第 {ranks[0]} 位" if ranks else ""
    return f"前 {DEPTH} 位，每位的各项之和等于得分{known}"


@step
def who_comes_is_matched_by_itself(stage: Stage) -> str:
    """常态匹配 · An expert who comes into the pool enters the standing match, and why is told."""
    staff, demand = stage.people["staff"], stage.found["demand"]
    newcomer = {"name": "新入库专家", "external_id": "story-newcomer"}
    words = {"research_directions": [demand["title"]], "introduction": demand["problem"]}
    stage.service.import_rows("experts", [newcomer | words])

    def has_newcomer(stands: dict[str, Any]) -> bool:
        listed = staff.items(f"/match-runs/{stands['run_id']}/matches")
        return newcomer["name"] in {match["expert"]["name"] for match in listed}

    now = staff.wait_for(f"{stage.demand}/standing-match", has_newcomer)
    run = staff.get(f"/match-runs/{now['run_id']}")
    assert run["trigger"] != "by_hand"
    difference = staff.get(f"/match-runs/{run['id']}/difference")
    [entered] = [one for one in difference["entered"] if one["why"] == "expert_new"]
    told = staff.items("/match-digest", created_at_gte=day_began_at(today()).isoformat())
    assert stage.ids["demand"] in {item["demand"]["id"] for item in told}, "not in the digest"
    tried = staff.post(f"{stage.demand}:match", limit=DEPTH, dry_run=True)
    assert tried["is_dry_run"]
    assert staff.items(f"{stage.demand}/match-runs")[0]["id"] == run["id"]
    return f"新专家自动进入第 {entered['rank_after']} 位，差异与摘要可查；试运行不留记录"


@step
def two_experts_are_recommended(stage: Stage) -> str:
    """推荐 · The coordinator recommends two; the enterprise sees these and no others."""
    staff, enterprise = stage.people["staff"], stage.people["enterprise"]
    first, second = stage.found["matches"][:2]
    for match in (first, second):
        staff.post(f"/matches/{match['id']}:judge", verdict="recommended")
    shown = enterprise.items(f"{stage.demand}/recommendations")
    assert [m["expert"]["id"] for m in shown] == [first["expert"]["id"], second["expert"]["id"]]
    for name, match in (("first", first), ("second", second)):
        stage.ids[name] = match["expert"]["id"]
        stage.ids[f"{name}_match"] = match["id"]
        enterprise.is_refused("GET", f"/experts/{match['expert']['id']}/contact", 403, 404)
    names = "、".join(m["expert"]["name"] for m in (first, second))
    return f"推荐 {names}；企业看到这两位及理由，看不到联系方式"


@step
def a_team_is_proposed(stage: Stage) -> str:
    """组队建议 · A chief and members who cover more of the demand than the first ranks do."""
    staff, enterprise = stage.people["staff"], stage.people["enterprise"]
    path = f"{stage.demand}:propose-team"
    team = staff.post(path, size=3)
    assert staff.post(path, size=3) == team
    assert team["coverage"] >= team["plain_coverage"]
    gains = sum(member["gain"] for member in team["members"])
    assert abs(gains - team["coverage"]) < TOLERANCE
    enterprise.is_refused("POST", path, 403)
    covered, plain = f"{team['coverage']:.0%}", f"{team['plain_coverage']:.0%}"
    return f"{len(team['members'])} 人覆盖需求要点的 {covered}，同样人数的前几位只覆盖 {plain}"


@step
def experts_have_accounts(stage: Stage) -> str:
    """专家账号 · The two experts get accounts of their own, and leave their contacts."""
    staff = stage.people["staff"]
    for name, phone in (("first", "0571-87650001"), ("second", "0571-87650002")):
        person = stage.cast.enter(f"专家{name}", "expert", YIWU)
        path = f"/experts/{stage.ids[name]}"
        staff.post(f"{path}:link-account", account_id=person.account_id)
        person.put(f"{path}/contact", phone=phone, email=f"{name}@story.invalid")
        stage.people[name] = person
    return "两位专家登录并填写联系方式"


@step
def an_expert_is_invited(stage: Stage) -> str:
    """邀请 · The first expert sees nothing of it before the invitation, then the summary alone."""
    staff, first = stage.people["staff"], stage.people["first"]
    docking = staff.post("/dockings", match_id=stage.ids["first_match"])
    stage.ids["docking"] = docking["id"]
    first.is_refused("GET", stage.docking, 404)
    invited = staff.post(f"{stage.docking}:invite", note="请您为该企业提供帮助")
    assert invited["due_on"] > TODAY
    seen = first.get(stage.docking)
    assert seen["demand"]["title"] == stage.found["demand"]["title"]
    assert seen["match_id"] is None
    first.is_refused("GET", f"{stage.docking}/demand", 403)
    first.is_refused("GET", f"{stage.docking}/contacts", 403)
    stage.people["elsewhere"].is_refused("GET", stage.docking, 404)
    return f"{invited['expert']['name']} 收到邀请，答复期限 {invited['due_on']}"


@step
def the_expert_refuses(stage: Stage) -> str:
    """谢绝 · With a reason that all read; the expert rests, and is not asked again meanwhile."""
    staff, first, enterprise = (stage.people[n] for n in ("staff", "first", "enterprise"))
    first.post(f"{stage.docking}:decline", setback="no_time", note="年内承担重大项目")
    for reader in (staff, first, enterprise):
        last = reader.items(f"{stage.docking}/steps")[0]
        assert (last["verb"], last["setback"], last["side"]) == ("decline", "no_time", "expert")
    asked = staff.post(
        "/conflicts:check", demand_id=stage.ids["demand"], expert_ids=[stage.ids["first"]]
    )
    reasons = {objection["reason"] for objection in asked[0]["objections"]}
    assert "resting" in reasons, reasons
    ranked = staff.post(f"{stage.demand}:match", limit=DEPTH)
    assert stage.ids["first"] not in {m["expert"]["id"] for m in ranked["matches"]}
    assert stage.ids["first"] in {e["expert_id"] for e in ranked["exclusions"]}
    return "企业读到原因；专家进入休整期，再次匹配时列为排除并说明原因"


@step
def another_one_is_invited(stage: Stage) -> str:
    """替补 · The second expert is asked instead, and accepts the terms of confidentiality."""
    staff, second = stage.people["staff"], stage.people["second"]
    stage.ids["docking"] = staff.post("/dockings", match_id=stage.ids["second_match"])["id"]
    staff.post(f"{stage.docking}:invite")
    second.is_refused("GET", f"{stage.docking}/demand", 403)
    terms = second.get("/confidentiality-terms")
    second.post(f"{stage.docking}:accept-confidentiality", text_version=terms["text_version"])
    full = second.get(f"{stage.docking}/demand")
    assert full["problem"] == stage.found["demand"]["problem"]
    second.is_refused("GET", f"{stage.docking}/contacts", 403)
    return "接受保密承诺后读到需求全文，尚无联系方式"


@step
def both_sides_accept(stage: Stage) -> str:
    """双方接受 · Contacts are released once both have accepted, and not before."""
    enterprise, second, staff = stage.sides
    second.post(f"{stage.docking}:accept-invitation")
    enterprise.is_refused("GET", f"{stage.docking}/contacts", 403)
    accepted = enterprise.post(f"{stage.docking}:accept-invitation")
    assert accepted["state"] == "contacted"
    for reader in (enterprise, second, staff):
        assert reader.get(f"{stage.docking}/contacts")["expert"]["phone"] == "0571-87650002"
    enterprise.wait_for(stage.demand, is_in("docking"))
    return "联系方式互相可见；需求状态变为“对接中”"


@step
def they_meet(stage: Stage) -> str:
    """现场调研 · A visit and its minutes; what staff note for themselves stays theirs."""
    enterprise, second, staff = stage.sides
    enterprise.post(f"{stage.docking}:visit", note="已到工厂")
    path = f"{stage.docking}/log"
    visit = {"kind": "visit", "channel": "in_person", "happened_on": TODAY}
    entry = second.post(path, **visit, text="看了一条产线", place="车间")
    second.post(path, **visit, text="看了两条产线", corrects_id=entry["id"])
    staff.post(path, kind="contact", happened_on=TODAY, text="预算偏紧", is_for_staff=True)
    current = {"is_current": "true"}
    assert [e["text"] for e in enterprise.items(path, **current)] == ["看了两条产线"]
    assert len(staff.items(path)) == len(enterprise.items(path)) + 1
    enterprise.attach(f"{stage.docking}/attachments", "纪要.pdf", PDF)
    assert [a["filename"] for a in second.items(f"{stage.docking}/attachments")] == ["纪要.pdf"]
    return "调研记录更正留痕，附件双方可读，工作人员内部记录不外显"


@step
def an_agreement_is_signed(stage: Stage) -> str:
    """签约 · An agreement with amounts; the docking and the demand are signed with it."""
    enterprise, second, staff = stage.sides
    second.post(f"{stage.docking}:negotiate")
    enterprise.post(f"{stage.docking}:agree-intent")
    agreement = enterprise.post(
        f"{stage.docking}/agreements",
        kind="development",
        title="技术开发合同",
        parties=["企业", "高校"],
        amount="50",
        technology_amount="40",
    )
    path = f"/agreements/{agreement['id']}"
    second.is_refused("POST", f"{path}:sign", 403, signed_on=TODAY)
    enterprise.is_refused(
        "POST", f"{path}:sign", 422, signed_on=(today() + timedelta(days=1)).isoformat()
    )
    enterprise.post(f"{path}:sign", signed_on=TODAY)
    assert second.get(stage.docking)["state"] == "signed"
    enterprise.wait_for(stage.demand, is_in("signed"))
    staff.is_refused("POST", f"{stage.demand}:match", 409)
    staff.post(f"{path}:register", registration_number="2026330782000123")
    return "合同 50 万元（技术交易额 40 万元）已签并登记；需求“已签约”，不再匹配"


@step
def a_service_is_confirmed(stage: Stage) -> str:
    """服务记录 · The enterprise disputes the hours, confirms what is put right; then it counts."""
    enterprise, second, staff = stage.sides
    second.post(f"{stage.docking}:begin")
    service = {"kind": "diagnosis", "served_on": TODAY, "summary": "定位原因"}
    one = second.post(f"{stage.docking}/service-records", **service, hours="8")
    path = f"/service-records/{one['id']}"
    staff.is_refused("POST", f"{path}:count", 409)
    enterprise.post(f"{path}:dispute", reason="实际半天")
    second.post(f"{path}:amend", **service, hours="4")
    enterprise.post(f"{path}:confirm", satisfaction=5)
    counted = staff.post(f"{path}:count")
    assert (counted["state"], counted["hours"]) == ("counted", "4")
    return "诊断服务 4 小时，企业确认后计入"


@step
def the_result_is_accepted(stage: Stage) -> str:
    """验收与评价 · The enterprise accepts; each side rates, and reads its own rating alone."""
    enterprise, second, staff = stage.sides
    accepted = enterprise.post(f"{stage.docking}:accept-result", note="指标达到")
    enterprise.post(f"{stage.docking}:rate", score=5, text="方案可行")
    second.post(f"{stage.docking}:rate", score=4)
    ratings = f"{stage.docking}/ratings"
    assert [r["side"] for r in enterprise.items(ratings)] == ["enterprise"]
    assert [r["side"] for r in second.items(ratings)] == ["expert"]
    assert len(staff.items(ratings)) == 2
    enterprise.wait_for(stage.demand, is_in("follow_up"))
    return f"验收通过，首次回访期限 {accepted['due_on']}"


@step
def staff_follow_up(stage: Stage) -> str:
    """回访 · After one and after three months; the first one keeps the docking open."""
    staff = stage.people["staff"]
    first = staff.post(f"{stage.docking}:follow-up", note="运行稳定")
    assert (first["state"], first["follow_ups"]) == ("accepted", 1)
    last = staff.post(f"{stage.docking}:follow-up", note="已推广到两条产线")
    assert last["state"] == "followed_up"
    assert last["closed_at"]
    return f"两次回访完成，第二次期限为 {first['due_on']}"


@step
def the_demand_is_resolved(stage: Stage) -> str:
    """解决 · The enterprise says that it is solved; to outsiders there is no such demand now."""
    enterprise, second, staff = stage.sides
    solved = enterprise.post(f"{stage.demand}:resolve", reason="指标达到合同要求")
    assert solved["state"] == "resolved"
    stage.people["elsewhere"].is_refused("GET", stage.demand, 404)
    verbs = [s["verb"] for s in second.items(f"{stage.docking}/steps", sort="created_at")]
    assert verbs[0] == "open"
    assert verbs[-1] == "follow-up"
    assert staff.items("/dockings", is_open="true", demand_id=stage.ids["demand"]) == []
    return f"需求“已解决”；过程共 {len(verbs)} 步，三方所见一致"


@step
def everybody_was_told(stage: Stage) -> str:
    """通知 · Each party was told of its part, nobody of what they did, outsiders nothing."""
    enterprise, second, staff = stage.sides
    inbox = "/notices?limit=200"

    def has(*kinds: str) -> Callable[[Any], bool]:
        return lambda page: {item["kind"] for item in page["items"]} >= set(kinds)

    enterprise.wait_for(inbox, has("match.recommended", "docking.declined", "docking.followed_up"))
    second.wait_for(inbox, has("docking.invited", "docking.signed", "docking.service_confirmed"))
    told = staff.wait_for(inbox, has("docking.contacted", "docking.service_disputed"))["items"]
    assert "docking.invited" not in {item["kind"] for item in told}
    assert stage.people["elsewhere"].items("/notices") == []
    return f"企业、专家、协调员各有通知（协调员 {len(told)} 条），外地协调员没有"


@step
def who_read_what_is_known(stage: Stage) -> str:
    """查阅记录 · The enterprise reads who saw its text and its contact."""
    enterprise, second, _ = stage.sides
    readings = enterprise.items(f"{stage.docking}/readings")
    assert {r["role"] for r in readings} == {"coordinator", "enterprise", "expert"}
    assert second.items(f"/experts/{stage.ids['second']}/contact-readings")
    return f"全文与联系方式共被查阅 {len(readings)} 次，逐次可查"
