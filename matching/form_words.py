"""The words of Chinese grammar and of forms, between which technical terms stand.

No dictionary: what many demands say is damped by their own statistics (`features.damping`), and
these are there when a pool is too small to have any.
"""

from __future__ import annotations

import re

# What is asked, by whom and how well: never what is to be made.
_OF_FORMS = """
进行 采用 利用 使用 应用 通过 针对 基于 根据 实现 达到 提高 提升 提供 提出 提交 改进 改善 降低
减少 增加 增强 满足 解决 开展 开发 研究 研发 研制 制定 建立 形成 完成 获得 取得 具有 具备 拥有
得到 需要 需求 要求 希望 存在 导致 造成 影响 避免 去除 适应 产生 出现 突破 创新 保证 确保 保障
支持 完善 包括 包含 涵盖 联合 目前 现有 现状 当前 主要 相关 关键 核心 重要 问题 难题 难点 瓶颈
技术 方法 方案 方面 方式 情况 内容 目标 指标 目的 工作 项目 产品 公司 企业 单位 我司 客户 国内
国外 国际 国家 行业 产业化 产业 市场 领域 趋势 先进 领先 一流 水平 条件 基础 团队 人员 专业 合作
高校 大学 院所 科研 博士 组织 机构 运营 发展 消费 供应 示范 推广 专利 授权 发明 论文 发表
检测报告 报告 样机 自主 知识产权 替代进口 经济 效益 社会 销售 收入 利润 资金 投入 建设 规模 万元
厂房 标准化 人力资源 劳动强度 背景 成立 符合 攻关 手段 短板 不足 缺乏 缺少 困难 良好 有效 合理
较好 较高 完整 成熟 一定 大量 大幅 广泛 各种 各类 各项 各个环节 部分 整体 其他 一种 一套 一个
一系列 多种 不同 同时 以及 因此 如何 预期 拟 左右 以上 以下 不低于 不高于 不超过 大于 小于 相比
比较 过程 可以 能够 不能 无法 尤其 特别 非常 已经 几乎 不断 一直 及时 进一步 到位 必然 适合
适用于 适用
"""
# Parts of a term, but none alone.
_GENERIC = """
功能 性能 质量 成本 效率 设计 分析 处理 控制 系统 设备 装置 材料 工艺 平台 软件 制备 优化 稳定
管理 生产 综合 检测 加工 原料 原材料 中心 寿命 高效 智能 新型 高端 安全 环保
"""
_ENGLISH = """
a an and are as at be by for from in is of on or our that the their this to we with
"""
# Single characters part phrases, but not where they are a part of a word themselves.
_PARTICLES = (
    r"[的了与及将使或以其该从由被把而但之所则且较也还于]"
    r"|等(?!离|温|静|级|径)|(?<![饱中缓调柔温共])和|对(?![称流苯映焊比])|在(?!线)|(?<!行)为|是"
    r"|并(?![联网行发])|(?<![其集])中(?![药医试心间频温压高低子小型央枢红国部性空])"
    r"|有(?!机|色|限|源|害|毒)|来(?!源)"
)

GENERIC = frozenset(_GENERIC.split())
BETWEEN_TERMS = re.compile(
    rf"{'|'.join(sorted(_OF_FORMS.split(), key=len, reverse=True))}|{_PARTICLES}"
    rf"|\b(?:{'|'.join(_ENGLISH.split())})\b",
    re.IGNORECASE,
)
