"""The demand form's own limits, checked when a demand is submitted."""

from dataclasses import dataclass

from app.demands.models import ActivityType, Demand
from app.interface.language import Text
from app.interface.validation import FieldError

FORM_TEXT_LIMIT = 500
TOO_LONG = (f"不得超过 {FORM_TEXT_LIMIT} 字", f"At most {FORM_TEXT_LIMIT} characters")
KEYWORD_LIMIT = 5
OPEN_BID_MONTHS_LIMIT = 36


@dataclass(frozen=True, slots=True)
class Need:
    """A field that the form asks for: the words in which it does, and those for what is there."""

    missing: Text
    met: Text


def _given(zh: str, en: str) -> Need:
    return Need(Text(f"请填写{zh}", f"Give {en}"), Text(f"已填写{zh}", f"Given: {en}"))


def _chosen(zh: str, en: str) -> Need:
    return Need(Text(f"请选择{zh}", f"Choose {en}"), Text(f"已选择{zh}", f"Chosen: {en}"))


REQUIRED = {
    "title": _given("技术需求名称", "the title"),
    "problem": _given("主要问题", "the main problem"),
    "key_indicators": _given("技术关键与指标", "key technology and indicators"),
    "expected_outcome": _given("预期目标", "the expected outcome"),
    "keywords": _given(" 1–5 个关键词", "one to five keywords"),
    "period_until_on": _given("需求结束日期", "the last day of the demand"),
    "cooperation_mode": _chosen("合作方式", "the mode of cooperation"),
    "technology_field": _chosen("技术领域", "the technology field"),
    "industry_code": _chosen("国民经济行业", "the industry"),
    "region_code": _chosen("所在地区", "the region"),
    "contact_name": _given("联系人", "a contact"),
    "contact_phone": _given("联系电话", "the contact's telephone"),
}
BASIC_RESEARCH = {
    "discipline": Need(
        Text("基础研究须填写学科", "Basic research needs a discipline"),
        Text("已填写学科", "Given: the discipline"),
    ),
}
OPEN_BID = {
    "assessment_indicators": Need(
        Text("揭榜挂帅须填写考核指标", "An open bid needs indicators"),
        Text("已填写考核指标", "Given: the indicators of the open bid"),
    ),
    "time_limit_months": Need(
        Text("揭榜挂帅须填写时限", "An open bid needs a time limit"),
        Text("已填写揭榜时限", "Given: the time limit of the open bid"),
    ),
    "ownership_of_results": Need(
        Text("揭榜挂帅须约定产权归属", "An open bid needs an ownership rule"),
        Text("已约定产权归属", "Given: who owns the results"),
    ),
}
CREDIT_CODE = Need(
    Text("机构缺少统一社会信用代码", "The organization has no credit code"),
    Text("机构有统一社会信用代码", "The organization has a credit code"),
)


def faults(demand: Demand) -> list[FieldError]:
    """Everything that keeps the demand from being submitted, one fault a field."""
    return missing_fields(demand) + _limits(demand)


def needed_fields(demand: Demand) -> dict[str, Need]:
    """The fields that the form asks of this demand."""
    needed = dict(REQUIRED)
    if demand.activity_type is ActivityType.BASIC_RESEARCH:
        needed |= BASIC_RESEARCH
    if demand.is_open_bid:
        needed |= OPEN_BID
    return needed


def missing_fields(demand: Demand) -> list[FieldError]:
    """What the form asks for and the demand has not; the organization's code included."""
    missing = [
        FieldError(pointer=f"/{name}", code="missing", message=need.missing)
        for name, need in needed_fields(demand).items()
        if not getattr(demand, name)
    ]
    if not demand.organization.unified_social_credit_code:
        owner = "/organization_id"
        missing.append(FieldError(pointer=owner, code="missing", message=CREDIT_CODE.missing))
    return missing


def _limits(demand: Demand) -> list[FieldError]:
    found = [
        _fault(name, "too_long", *TOO_LONG)
        for name in ("problem", "key_indicators", "expected_outcome")
        if len(getattr(demand, name)) > FORM_TEXT_LIMIT
    ]
    if len(demand.keywords) > KEYWORD_LIMIT:
        found.append(_fault("keywords", "too_long", "最多 5 个关键词", "At most five keywords"))
    if demand.is_confidential:
        found.append(
            _fault("is_confidential", "confidential", "涉密需求不予受理", "Secrets are refused")
        )
    starts, ends = demand.period_from_on, demand.period_until_on
    if starts and ends and ends < starts:
        message = ("结束日期早于开始日期", "Ends before it begins")
        found.append(_fault("period_until_on", "bad_interval", *message))
    if demand.is_open_bid and (demand.time_limit_months or 0) > OPEN_BID_MONTHS_LIMIT:
        message = ("揭榜挂帅时限不超过三年", "An open bid takes three years at most")
        found.append(_fault("time_limit_months", "too_long", *message))
    return found


def _fault(name: str, code: str, zh: str, en: str) -> FieldError:
    return FieldError(pointer=f"/{name}", code=code, message=Text(zh, en))
