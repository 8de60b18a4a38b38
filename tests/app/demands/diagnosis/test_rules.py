"""The score and what it consists of."""

from typing import Any

import pytest

from app.demands.diagnosis.rules import DETAIL_POINTS, FORM_POINTS, diagnose
from app.demands.models import ActivityType, Demand
from app.demands.schemas import DemandCreate
from app.encryption.sealed import unlock
from app.organizations.models import Organization
from app.settings import Settings
from tests.app.demands.forms import COMPLETE, CREDIT_CODES, OPEN_BID

CLEAR: dict[str, Any] = {
    "problem": "白色与浅色锦纶袜在定型和仓储后黄变，退货率高。"
    "已试过低温定型与抗氧化助剂，黄变减轻，手感变硬，成本上升。",
    "key_indicators": "150℃ 热黄变 ΔE 小于 1.0；每双成本增加不超过 0.2 元",
    "expected_outcome": "退货率低于 1%",
    "region_code": "330782",
}


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> None:
    """A contact is sealed as soon as it is set."""
    unlock(settings.key_ring())


def demand(code: str | None = CREDIT_CODES[0], **fields: Any) -> Demand:
    values = DemandCreate.model_validate({"title": "锦纶袜"} | fields).model_dump()
    organization = Organization(name="测试袜厂", unified_social_credit_code=code)
    return Demand(**values, organization=organization)


def unmet(given: Demand) -> set[tuple[str, str]]:
    return {(i.code, i.field) for i in diagnose(given, ["锦纶袜"]).items if not i.is_met}


def test_a_clear_demand_has_all_points() -> None:
    found = diagnose(demand(**COMPLETE | CLEAR), ["锦纶袜", "热黄变"])
    assert (found.completeness, found.missing_indicators) == (100, ())
    assert unmet(demand(**COMPLETE | CLEAR)) == set()


@pytest.mark.parametrize("code", [None, CREDIT_CODES[0]])
def test_what_is_there_is_not_asked_for(code: str | None) -> None:
    fields = {"is_open_bid": True, "activity_type": ActivityType.BASIC_RESEARCH}
    for given in (demand(code, **fields), demand(code, **COMPLETE | CLEAR | OPEN_BID | fields)):
        for item in diagnose(given, []).items:
            if item.code == "form":
                asks = any(word in item.message.zh for word in ("请", "须", "缺少"))
                assert asks == (not item.is_met), item


def test_each_lack_costs_its_points_and_is_named() -> None:
    total = sum(item.points for item in diagnose(demand(**COMPLETE | CLEAR), []).items)
    cases: list[tuple[dict[str, Any], tuple[str, str], int]] = [
        ({"contact_name": ""}, ("form", "contact_name"), FORM_POINTS),
        ({"problem": "袜子黄变"}, ("detailed_problem", "problem"), DETAIL_POINTS),
        ({"keywords": ["锦纶"]}, ("enough_keywords", "keywords"), DETAIL_POINTS),
        (
            {"expected_outcome": "退货少"},
            ("value_in_expected_outcome", "expected_outcome"),
            DETAIL_POINTS,
        ),
        ({"title": "耐磨锦纶袜"}, ("qualities_have_values", "key_indicators"), DETAIL_POINTS),
    ]
    for change, lack, points in cases:
        given = demand(**COMPLETE | CLEAR | change)
        assert unmet(given) == {lack}
        assert diagnose(given, []).completeness == 100 * (total - points) // total
    assert unmet(demand(None, **COMPLETE | CLEAR)) == {("form", "organization_id")}


def test_the_form_asks_for_more_where_its_rules_do() -> None:
    basic = demand(**COMPLETE | CLEAR, activity_type=ActivityType.BASIC_RESEARCH)
    assert unmet(basic) == {("form", "discipline")}


def test_a_bare_title_has_few_points() -> None:
    found = diagnose(demand(), [])
    assert 0 < found.completeness < 30
    assert found.missing_indicators == found.vague_passages == ()
