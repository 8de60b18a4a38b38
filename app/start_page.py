"""`/`: what this is, and where to go from here."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter()

PAGE = (Path(__file__).parent / "start_page.html").read_text(encoding="utf-8")


@router.get("/", include_in_schema=False, response_class=HTMLResponse)
async def show_start_page() -> HTMLResponse:
    return HTMLResponse(PAGE)
