"""What people write in spreadsheets: Chinese headings and values next to the English ones."""

from collections.abc import Mapping

from app.bulk.kinds import ImportKind
from app.bulk.sheets.names import LONGEST, likeness

PLACE = {
    "region_code": ("行政区划代码", "所在地区", "所在地域", "地区代码", "地区", "所在地"),
    "industry_code": ("国民经济行业", "行业代码", "所属行业"),
}
CONTACT = {
    "contact_name": ("联系人",),
    "contact_phone": ("联系电话", "联系人电话", "手机"),
    "contact_email": ("联系邮箱", "联系人邮箱", "电子邮箱"),
}

# Field → the Chinese headings under which it is found; the field's own name always works.
CHINESE: Mapping[ImportKind, Mapping[str, tuple[str, ...]]] = {
    ImportKind.ORGANIZATIONS: {
        "name": ("机构全称", "机构名称", "单位名称", "企业名称"),
        "unified_social_credit_code": ("统一社会信用代码", "信用代码"),
        "kind": ("机构类型", "机构类别", "单位类型"),
        "supervising_department": ("归口管理部门",),
        "attribute": ("机构属性",),
        "introduction": ("机构简介", "简介"),
        **PLACE,
        **CONTACT,
    },
    ImportKind.EXPERTS: {
        "external_id": ("外部编号", "专家编号", "编号"),
        "name": ("姓名", "专家姓名"),
        "kind": ("专家类型", "专家类别"),
        "academy_division": ("学部",),
        "elected_year": ("当选年份",),
        "is_retired": ("是否退休",),
        "organization": ("所在单位", "工作单位", "所属单位", "单位"),
        "title": ("职称/职务", "职称", "职务"),
        "disciplines": ("学科", "学科代码"),
        "technology_fields": ("技术领域",),
        "research_directions": ("研究方向", "现从事专业"),
        "specialities": ("特长专业", "专业特长"),
        "introduction": ("个人简介", "简介"),
        "languages": ("语言", "工作语言"),
        "region_code": PLACE["region_code"],
        "country": ("国家", "所在国家"),
        "service_modes": ("服务方式",),
        "yearly_capacity": ("年服务次数", "年服务能力"),
        "reduced_capacity": ("减量后年服务次数", "减量"),
        "reduced_until_on": ("减量截止日期",),
        "is_do_not_contact": ("免打扰",),
        "do_not_contact_until_on": ("免打扰截止日期",),
        "do_not_contact_reason": ("免打扰原因",),
        "societies": ("所属学会", "学会"),
        "orcid": (),
        "phone": ("电话", "手机", "联系电话"),
        "email": ("邮箱", "电子邮箱"),
        "publications": ("论文", "论文著作", "代表性论文"),
        "patents": ("专利",),
        "projects": ("项目", "科研项目"),
        "awards": ("奖励", "获奖"),
        "achievements": ("成果", "科研成果"),
    },
    ImportKind.ACHIEVEMENTS: {
        "external_id": ("外部编号", "成果编号", "编号"),
        "name": ("成果名称",),
        "registration_number": ("登记号", "成果登记号"),
        "organization": ("完成单位", "第一完成单位"),
        "people": ("完成人", "成果完成人"),
        "nature": ("成果属性",),
        "level": ("成果水平",),
        "stage": ("所处阶段", "成果阶段"),
        "form": ("体现形式", "成果体现形式"),
        "keywords": ("关键词",),
        "summary": ("成果简介", "简介"),
        "technology_field": ("技术领域",),
        "disciplines": ("学科", "学科代码"),
        "intellectual_property": ("知识产权", "知识产权形式"),
        "transfer_modes": ("转化方式",),
        "is_confidential": ("是否涉密",),
        **PLACE,
    },
    ImportKind.DEMANDS: {
        "external_id": ("外部编号", "需求编号", "编号"),
        "organization": ("机构全称", "企业名称", "单位名称"),
        "unified_social_credit_code": ("统一社会信用代码", "信用代码"),
        "title": ("技术需求名称", "需求名称", "技术难题名称", "难题名称"),
        "problem": ("主要问题", "难题描述"),
        "key_indicators": ("技术关键与指标", "技术关键"),
        "expected_outcome": ("预期目标",),
        "keywords": ("关键词",),
        "period_from_on": ("需求开始日期", "开始日期"),
        "period_until_on": ("需求结束日期", "需求时限", "结束日期", "完成时间"),
        "budget": ("资金总额(万元)", "资金总额", "预算(万元)", "预算"),
        "currency": ("币种",),
        "cooperation_mode": ("合作方式", "合作模式"),
        "intended_partners": ("意向合作单位", "意向合作对象"),
        "activity_type": ("科技活动类型", "活动类型"),
        "discipline": ("学科", "学科代码"),
        "technology_field": ("技术领域",),
        "public_summary": ("公开摘要",),
        "is_open_bid": ("是否揭榜挂帅", "揭榜挂帅"),
        "assessment_indicators": ("考核指标",),
        "time_limit_months": ("时限(月)", "完成时限(月)"),
        "ownership_of_results": ("产权归属",),
        "solver_conditions": ("揭榜方条件",),
        "is_confidential": ("是否涉密",),
        **PLACE,
        **CONTACT,
    },
}

# What people number and annotate their lists with; it says nothing of the record.
UNREAD = frozenset({"序号", "备注"})


def template_headings(kind: ImportKind) -> dict[str, str]:
    """What templates call the column of each field."""
    return {field: chinese[0] if chinese else field for field, chinese in CHINESE[kind].items()}


def field_of(kind: ImportKind, heading: str) -> str | None:
    """The field that a column holds; a mark such as * or （必填） beside its name is allowed."""
    plain = _plain(heading)
    for field, chinese in CHINESE[kind].items():
        if plain.lower() == field or plain in chinese:
            return field
    return None


def nearest_heading(kind: ImportKind, heading: str) -> str | None:
    """The known heading that shares most bigrams with this one; None if none shares any."""
    plain = _plain(heading)[:LONGEST]
    known = (name for field, chinese in CHINESE[kind].items() for name in (*chinese, field))
    best = max(known, key=lambda name: likeness(plain, name))
    return best if likeness(plain, best) else None


def is_unread(heading: str) -> bool:
    """Whether the column is left out, though people need it."""
    return _plain(heading) in UNREAD


def _plain(heading: str) -> str:
    return heading.replace("（", "(").replace("）", ")").replace("(必填)", "").strip(" *\n\t")
