"""Reading a posted form: text only, bounded, without surprises."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from enclave.kernel.errors import Invalid

#: A column chooser may send a few hundred boxes; nothing sends more.
_MOST_FIELDS, _LONGEST = 2_000, 20_000


class Posted:
    """A form's fields, as (name, text) pairs in the order of the page."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def raw(self, name: str) -> str:
        """The field exactly as it was sent (for passwords), or an empty string."""
        return next((value for key, value in self._pairs if key == name), "")

    def text(self, name: str) -> str:
        """The field with plain line ends and without space around it."""
        return self.raw(name).replace("\r\n", "\n").strip()

    def all(self, name: str) -> tuple[str, ...]:
        """Every value under that name, each once, in order; empty ones left out."""
        return tuple(dict.fromkeys(v.strip() for k, v in self._pairs if k == name and v.strip()))


async def _posted(request: Request) -> Posted:
    form = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    pairs = [(k, v) for k, v in form.multi_items() if not isinstance(v, UploadFile)]
    if any(len(v) > _LONGEST or "\x00" in v for _, v in pairs):
        raise Invalid(
            [f"An answer has at most {_LONGEST:,} characters of text. Shorten it and send it again."]
        )
    return Posted(pairs)


#: What a page that takes a form asks for by type.
Form = Annotated[Posted, Depends(_posted)]
