"""What a file is, told from what stands in it: its name is its sender's word."""

import io
import zipfile

PDF = "application/pdf"
OFFICE = "application/vnd.openxmlformats-officedocument"
SIGNATURES = {
    b"%PDF-": PDF,
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
# A file in a package that tells what the package is.
PACKAGES = {
    "word/document.xml": f"{OFFICE}.wordprocessingml.document",
    "xl/workbook.xml": f"{OFFICE}.spreadsheetml.sheet",
    "ppt/presentation.xml": f"{OFFICE}.presentationml.presentation",
    "OFD.xml": "application/ofd",
}
ENDINGS = {
    PDF: (".pdf",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    f"{OFFICE}.wordprocessingml.document": (".docx",),
    f"{OFFICE}.spreadsheetml.sheet": (".xlsx",),
    f"{OFFICE}.presentationml.presentation": (".pptx",),
    "application/ofd": (".ofd",),
}
MACROS = "vbaproject.bin"
LISTED = b"PK\x01\x02"  # before each part that the list names
MOST_PARTS = 10_000


def media_type_of(content: bytes) -> str | None:
    """The media type of a file that may be kept; None for any other, and for one with macros.

    >>> media_type_of(b"%PDF-1.7 ...")
    'application/pdf'
    >>> media_type_of(b"<html>") is None
    True
    """
    for signature, media_type in SIGNATURES.items():
        if content.startswith(signature):
            return media_type
    return _of_package(content) if content.startswith(b"PK\x03\x04") else None


def has_ending_of(filename: str, media_type: str) -> bool:
    """Whether a name ends as names of files of this type do."""
    return filename.lower().endswith(ENDINGS[media_type])


def _of_package(content: bytes) -> str | None:
    """Only the list of the package is read, and nothing is unpacked.

    Of a long one not even that: 10 MB can list 200,000 parts, which take their time and 60 MB.
    """
    if content.count(LISTED) > MOST_PARTS:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            names = package.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return None
    if any(n.lower().endswith(MACROS) for n in names):
        return None
    return next((kind for name, kind in PACKAGES.items() if name in names), None)
