"""What files carry besides what a reader sees, by kind: each names the place and what to do about it.

office (workbooks, documents, slides), notebooks, markup (web pages, drawings), pdfs, photographs, stored
(pickles, models, tables and archives as bytes). Nothing is run, loaded or fetched, and nothing is unpacked
beyond `bounded.MOST`. None of these may leave by any published policy: the findings say why, and what may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from anonymization.disclosure.carriers import markup, notebooks, office, pdfs, photographs, stored
from anonymization.disclosure.model import DisclosureFinding, Severity

#: (rule, place inside the file or "", sentence)
Carried = tuple[str, str, str]
_READERS: dict[str, Callable[[bytes], Iterator[Carried]]] = {
    **dict.fromkeys(("xlsx", "docx", "pptx", "opendocument"), office.carried),
    **dict.fromkeys(("html", "svg", "xml"), markup.carried),
    **dict.fromkeys(("jpeg", "gif", "webp", "tiff", "bmp"), photographs.carried),
    "ipynb": notebooks.carried,
    "pdf": pdfs.carried,
}
#: So many findings of one rule say enough: the rest are counted.
_MOST_OF_ONE_RULE = 20


def carried(data: bytes, kind: str, name: str) -> tuple[DisclosureFinding, ...]:
    """What a file of that kind carries unseen. Finds and never decides; no sentence has a value of the file.

    Args:
        data: its bytes.
        kind: from `files.media_type`.
        name: what it is called; shown in places.
    """
    reader = _READERS.get(kind)
    found = list(reader(data)) if reader else list(stored.carried(data, kind))
    out: list[DisclosureFinding] = []
    of_rule: dict[str, int] = {}
    for rule, place, sentence in found:
        of_rule[rule] = of_rule.get(rule, 0) + 1
        if of_rule[rule] <= _MOST_OF_ONE_RULE:
            where = f"{name}, {place}" if place else name
            out.append(DisclosureFinding(rule, where, Severity.STOP, sentence))
    for rule, count in of_rule.items():
        if count > _MOST_OF_ONE_RULE:
            more = f"{count - _MOST_OF_ONE_RULE} more places like the ones above."
            out.append(DisclosureFinding(rule, name, Severity.STOP, more))
    return tuple(out)
