"""Chinese names of enum values and of short tables, as spreadsheets hold them."""

from collections.abc import Mapping
from functools import cache

from app.bulk.kinds import ImportKind
from app.reference.codes import rows

ORGANIZATION_KINDS = {
    "企业": "enterprise",
    "高校": "university",
    "大学": "university",
    "高等院校": "university",
    "科研院所": "institute",
    "研究院": "institute",
    "研究所": "institute",
    "学会": "society",
    "协会": "society",
    "园区": "park",
    "政府部门": "government_department",
}
ATTRIBUTES = {
    "国有": "state_owned",
    "民营": "private",
    "外商投资": "foreign_invested",
    "合资": "joint_venture",
    "事业单位": "public_institution",
    "社会组织": "social_organization",
    "政府机关": "government",
    "其他": "other",
}
EXPERT_KINDS = {
    "院士": "academician",
    "专家": "expert",
    "海外人才": "overseas_talent",
    "科技特派员": "technology_commissioner",
    "特派员": "technology_commissioner",
    "技术经理人": "technology_manager",
}
SERVICE_MODES = {
    "咨询": "consulting",
    "联合研发": "joint_research",
    "委托开发": "commissioned_development",
    "技术转让": "technology_transfer",
    "培训": "training",
    "兼职": "part_time",
    "检测": "testing",
}
COOPERATION_MODES = {
    "独立": "independent",
    "自主研发": "independent",
    "独立研发": "independent",
    "独立开发": "independent",
    "委托": "commissioned",
    "委托开发": "commissioned",
    "委托研发": "commissioned",
    "合作": "cooperative",
    "合作开发": "cooperative",
    "合作研发": "cooperative",
    "联合研发": "cooperative",
    "联合开发": "cooperative",
    "其他": "other",
}
ACTIVITY_TYPES = {
    "基础研究": "basic_research",
    "应用研究": "applied_research",
    "试验发展": "experimental_development",
    "成果应用": "result_application",
    "推广服务": "extension_service",
    "生产性活动": "production",
}
NATURES = {
    "原始创新": "original",
    "引进消化吸收再创新": "introduced_innovation",
    "改进": "improvement",
}
LEVELS = {
    "国际领先": "international_leading",
    "国际先进": "international_advanced",
    "国内领先": "domestic_leading",
    "国内先进": "domestic_advanced",
    "省内领先": "provincial",
    "未评价": "unrated",
}
STAGES = {
    "实验室": "laboratory",
    "中试": "pilot",
    "小批量": "small_batch",
    "产业化": "industrialized",
}
FORMS = {
    "新技术": "new_technology",
    "新工艺": "new_process",
    "新产品": "new_product",
    "新材料": "new_material",
    "新品种": "new_variety",
    "新装备": "new_equipment",
    "软件": "software",
    "标准": "standard",
    "其他": "other",
}
INTELLECTUAL_PROPERTY = {
    "发明专利": "invention_patent",
    "实用新型": "utility_model",
    "外观设计": "design",
    "软件著作权": "software_copyright",
    "植物新品种": "plant_variety",
    "技术秘密": "trade_secret",
    "标准": "standard",
    "无": "none",
}
TRANSFER_MODES = {
    "转让": "transfer",
    "许可": "license",
    "作价入股": "equity",
    "合作": "cooperation",
    "服务": "service",
}
# Next to the names of the table.
TECHNOLOGY_FIELDS = {
    "新材料": "new_materials",
    "生物医药": "biotechnology_pharmaceuticals",
    "生物与新医药": "biotechnology_pharmaceuticals",
    "新能源": "new_energy_efficiency",
    "新能源与节能": "new_energy_efficiency",
    "农业": "modern_agriculture",
    "高技术服务": "high_tech_services",
}
LANGUAGES = {
    "中文": "zh",
    "汉语": "zh",
    "普通话": "zh",
    "英语": "en",
    "英文": "en",
    "日语": "ja",
    "日文": "ja",
    "德语": "de",
    "德文": "de",
    "法语": "fr",
    "法文": "fr",
    "俄语": "ru",
    "俄文": "ru",
    "韩语": "ko",
    "西班牙语": "es",
    "葡萄牙语": "pt",
    "意大利语": "it",
    "阿拉伯语": "ar",
    "荷兰语": "nl",
    "瑞典语": "sv",
    "波兰语": "pl",
    "土耳其语": "tr",
    "越南语": "vi",
    "泰语": "th",
    "印地语": "hi",
}


@cache
def labels(kind: ImportKind) -> Mapping[str, Mapping[str, str]]:
    """Field → Chinese value → code."""
    fields = {row["name"]: row["code"] for row in rows("technology_fields")} | TECHNOLOGY_FIELDS
    return {
        ImportKind.ORGANIZATIONS: {"kind": ORGANIZATION_KINDS, "attribute": ATTRIBUTES},
        ImportKind.EXPERTS: {
            "kind": EXPERT_KINDS,
            "technology_fields": fields,
            "service_modes": SERVICE_MODES,
            "languages": LANGUAGES,
        },
        ImportKind.DEMANDS: {
            "cooperation_mode": COOPERATION_MODES,
            "activity_type": ACTIVITY_TYPES,
            "technology_field": fields,
        },
        ImportKind.ACHIEVEMENTS: {
            "nature": NATURES,
            "level": LEVELS,
            "stage": STAGES,
            "form": FORMS,
            "technology_field": fields,
            "intellectual_property": INTELLECTUAL_PROPERTY,
            "transfer_modes": TRANSFER_MODES,
        },
    }[kind]
