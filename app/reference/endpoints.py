"""HTTP for the code tables; they are public, since forms need them before anybody signs in."""

from typing import Annotated

from fastapi import Query

from app.database import SessionDep
from app.interface.routing import DomainRouter
from app.reference import operations
from app.reference.models import Country, Discipline, Industry, Region, TechnologyField
from app.reference.schemas import CodeBody, CodeQuery

router = DomainRouter("reference")

CodeQueryDep = Annotated[CodeQuery, Query()]


@router.get("/regions")
async def list_regions(session: SessionDep, query: CodeQueryDep) -> list[CodeBody]:
    """行政区划 GB/T 2260 · Provinces, prefectures and counties."""
    return await operations.in_tree(session, Region, query)


@router.get("/industries")
async def list_industries(session: SessionDep, query: CodeQueryDep) -> list[CodeBody]:
    """国民经济行业 GB/T 4754 · Sections, divisions and groups of industries."""
    return await operations.in_tree(session, Industry, query)


@router.get("/disciplines")
async def list_disciplines(session: SessionDep, query: CodeQueryDep) -> list[CodeBody]:
    """学科 GB/T 13745 · Disciplines and their branches."""
    return await operations.in_tree(session, Discipline, query)


@router.get("/technology-fields")
async def list_technology_fields(session: SessionDep) -> list[CodeBody]:
    """技术领域 · The fields of the provincial demand forms."""
    return await operations.in_list(session, TechnologyField)


@router.get("/countries")
async def list_countries(session: SessionDep) -> list[CodeBody]:
    """国家和地区 ISO 3166-1 · Countries and areas."""
    return await operations.in_list(session, Country)
