"""The demand form's own limits, checked when a demand is submitted."""

from app.demands.models import ActivityType, Demand
from app.interface.language import Text
from app.interface.validation import FieldError

FORM_TEXT_LIMIT = 500
TOO_LONG = (f"不得超过 {FORM_TEXT_LIMIT} 字", f"At most {FORM_TEXT_LIMIT} characters")
KEYWORD_LIMIT = 5
OPEN_BID_MONTHS_LIMIT = 36

REQUIRED = {
    "title": Text("请填写技术需求名称", "Give the demand a title"),
    "problem": Text("请填写主要问题", "Describe the problem"),
    "key_indicators": Text("请填写技术关键与指标", "Give key technology and indicators"),
    "expected_outcome": Text("请填写预期目标", "Give the expected outcome"),
    "keywords": Text("请填写 1–5 个关键词", "Give one to five keywords"),
    "period_until_on": Text("请填写需求结束日期", "Give the last day of the demand"),
    "cooperation_mode": Text("请选择合作方式", "Choose the mode of cooperation"),
    "technology_field": Text("请选择技术领域", "Choose the technology field"),
    "industry_code": Text("请选择国民经济行业", "Choose the industry"),
    "region_code": Text("请选择所在地区", "Choose the region"),
    "contact_name": Text("请填写联系人", "Name a contact"),
    "contact_phone": Text("请填写联系电话", "Give the contact's telephone"),
}
BASIC_RESEARCH = {
    "discipline": Text("基础研究须填写学科", "Basic research needs a discipline"),
}
OPEN_BID = {
    "assessment_indicators": Text("揭榜挂帅须填写考核指标", "An open bid needs indicators"),
    "time_limit_months": Text("揭榜挂帅须填写时限", "An open bid needs a time limit"),
    "ownership_of_results": Text("揭榜挂帅须约定产权归属", "An open bid needs an ownership rule"),
}


def faults(demand: Demand) -> list[FieldError]:
    """Everything that keeps the demand from being submitted, one fault a field."""
    return missing_fields(demand) + _limits(demand)


def needed_fields(demand: Demand) -> dict[str, Text]:
    """The fields that the form asks of this demand, and the words in which it does."""
    needed = dict(REQUIRED)
    if demand.activity_type is ActivityType.BASIC_RESEARCH:
        needed |= BASIC_RESEARCH
    if demand.is_open_bid:
        needed |= OPEN_BID
    return needed


def missing_fields(demand: Demand) -> list[FieldError]:
    """What the form asks for and the demand has not; the organization's code included."""
    missing = [
        FieldError(pointer=f"/{name}", code="missing", message=message)
        for name, message in needed_fields(demand).items()
        if not getattr(demand, name)
    ]
    if not demand.organization.unified_social_credit_code:
        message = Text("机构缺少统一社会信用代码", "The organization has no credit code")
        missing.append(FieldError(pointer="/organization_id", code="missing", message=message))
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
