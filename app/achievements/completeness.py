"""What an achievement must say, and must not be, before it may be reviewed and published."""

from app.achievements.models import Achievement
from app.interface.errors import Invalid
from app.interface.language import Text
from app.interface.validation import FieldError

REQUIRED = {
    "organization_name": Text("请填写完成单位", "Give the completing organization"),
    "people": Text("请填写完成人", "Name the people who did the work"),
    "nature": Text("请选择成果属性", "Choose the nature"),
    "level": Text("请选择成果水平", "Choose the level"),
    "stage": Text("请选择所处阶段", "Choose the stage"),
    "form": Text("请选择成果体现形式", "Choose the form"),
    "keywords": Text("请填写 1–3 个关键词", "Give one to three keywords"),
    "summary": Text("请填写成果简介", "Give a summary"),
    "technology_field": Text("请选择技术领域", "Choose the technology field"),
    "region_code": Text("请填写所在地区", "Give the region"),
    "intellectual_property": Text("请选择知识产权情况", "State the intellectual property"),
    "transfer_modes": Text("请选择转化方式", "Choose how it may be transferred"),
}
CONFIDENTIAL = FieldError(
    pointer="/is_confidential",
    code="confidential",
    message=Text(
        "涉密成果不得在本系统登记公开，请按保密规定办理",
        "A classified achievement is not accepted here; follow the rules of secrecy",
    ),
)


def missing_fields(achievement: Achievement) -> list[FieldError]:
    """One fault for each field that `:review` needs and the achievement has not."""
    return [
        FieldError(pointer=f"/{name}", code="missing", message=message)
        for name, message in REQUIRED.items()
        if not getattr(achievement, name)
    ]


def faults(achievement: Achievement) -> list[FieldError]:
    """Everything that keeps the achievement out of the pool: what is missing, and secrecy."""
    secrecy = [CONFIDENTIAL] if achievement.is_confidential else []
    return secrecy + missing_fields(achievement)


def require_publishable(achievement: Achievement) -> None:
    """Raises Invalid that names every missing field, or that the achievement is classified."""
    if found := faults(achievement):
        raise Invalid(errors=found)
