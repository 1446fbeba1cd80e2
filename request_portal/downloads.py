"""Bytes on their way to a browser: always a download, never something that runs on our origin."""

from __future__ import annotations

from urllib.parse import quote

from fastapi.responses import Response


def attachment(name: str, data: bytes) -> Response:
    """The bytes as an attachment of a type that no browser renders."""
    return Response(
        data,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        },
    )
