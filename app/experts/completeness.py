"""What a profile still lacks before it may be submitted."""

from app.experts.models import Expert, ExpertKind
from app.interface.language import Text
from app.interface.validation import FieldError

REQUIRED = {
    "name": Text("请填写姓名", "Give the name"),
    "organization_name": Text("请填写所在单位", "Give the organization"),
    "title": Text("请填写职称或职务", "Give the title or position"),
    "disciplines": Text("请至少选择一个学科", "Choose at least one discipline"),
    "research_directions": Text("请至少填写一个研究方向", "Give at least one research direction"),
    "region_code": Text(
        "请填写所在地区；海外人才填写国家", "Give the region, or the country if abroad"
    ),
    "reduced_capacity": Text("请填写减量后的年服务次数", "Say how many invitations are left"),
    "reduced_until_on": Text("请填写减量截止日期", "Say until when there are fewer"),
    "academy_division": Text("院士请填写学部", "An academician belongs to a division"),
    "elected_year": Text("院士请填写当选年份", "An academician was elected in a year"),
}


def missing_fields(expert: Expert) -> list[FieldError]:
    """One fault for each field that `:submit` needs and the profile has not."""
    return [
        FieldError(pointer=f"/{name}", code="missing", message=message)
        for name, message in REQUIRED.items()
        if _is_needed(name, expert) and not _says_something(getattr(expert, name))
    ]


def _says_something(value: object) -> bool:
    """Whether there is more than what nobody sees, like U+200B."""
    if isinstance(value, list):
        return any(map(_says_something, value))
    if isinstance(value, str):
        return any(c.isprintable() and c != " " for c in value)
    return value is not None  # a reduced capacity may be 0


def _is_needed(name: str, expert: Expert) -> bool:
    if name in ("academy_division", "elected_year"):
        return expert.kind == ExpertKind.ACADEMICIAN
    if name == "reduced_capacity":
        return expert.reduced_until_on is not None
    if name == "reduced_until_on":
        return expert.reduced_capacity is not None
    if name == "region_code":
        return expert.country in (None, "CN")
    return True
