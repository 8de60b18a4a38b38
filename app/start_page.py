"""`/`: what this is, and where to go from here."""

from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()

PAGE = (Path(__file__).parent / "start_page.html").read_text(encoding="utf-8")


@router.get("/", include_in_schema=False, response_class=HTMLResponse)
async def show_start_page(request: Request) -> HTMLResponse:
    """The page, with this service's own address in its examples, as text and never as markup."""
    page = PAGE.replace("{address}", escape(str(request.base_url)))
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})
