"""What kind of file it is, by content and not by name, and what it carries that a reader does not see."""

from __future__ import annotations

import csv
import io
import json
import pickletools
import re
import unicodedata
import zipfile
from collections.abc import Callable

from anonymization.disclosure.model import DisclosureFinding, Severity

#: First bytes of files that are never text (the formats' own specifications).
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"),
    (b"%PDF", "pdf"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"\x1f\x8b", "compressed"),
    (b"BZh", "compressed"),
    (b"\xfd7zXZ\x00", "compressed"),
    (b"\x28\xb5\x2f\xfd", "compressed"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"<stata_dta>", "stata"),
    (b"\xd0\xcf\x11\xe0", "office"),
    (b"\x93NUMPY", "numpy"),
    (b"$FL2", "spss"),
    (b"$FL3", "spss"),
    (b"\x00" * 12 + b"\xc2\xea\x81\x60", "sas"),
    (b"Obj\x01", "avro"),
    (b"RDX2\n", "rdata"),
    (b"RDX3\n", "rdata"),
    (b"X\n\x00\x00", "rdata"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"BM", "bmp"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"\x04\x22\x4d\x18", "compressed"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
)
TEXT_TYPES = frozenset({"csv", "json", "jsonl", "ipynb", "html", "svg", "xml", "md", "txt"})
#: A protocol buffer that begins with ONNX's field for the version, and says who made it.
_ONNX = re.compile(
    rb"\x08[\x01-\x20]\x12.[\w .-]*pytorch|\x08[\x01-\x20]\x12.(?:skl2onnx|onnx|tf2onnx|keras)", re.DOTALL
)
_MARKUP = re.compile(r"<\s*(script|iframe|object|embed|svg|html|body|style|form)\b", re.IGNORECASE)
_UNSEEN_IN_MARKDOWN = re.compile(r"<!--|^\s*\[//\]:|\bdata:[\w/+.-]*;base64,", re.IGNORECASE | re.MULTILINE)
#: Characters that nobody sees and no script needs: zero-width space, word joiner, bidi overrides, tags, …
_UNSEEN = re.compile("[\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e01ef]")


def text_of(data: bytes) -> str | None:
    """The file as text; None when it is not UTF-8 text (a NUL or control character is not text)."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    controls = (c for c in text if c < " " or "\x7f" <= c < "\xa0")
    return None if any(c not in "\t\n\r" for c in controls) else text


def media_type(data: bytes, name: str = "") -> str:
    """The kind of file, as one lower-case word.

    Args:
        data: the whole file.
        name: its name; only tells plain text from Markdown, and a table of one column from a list of lines.

    Returns:
        csv, json, png, txt or md; or what else it is (ipynb, jsonl, html, svg, xml, parquet, xlsx, zip, pdf,
        pickle, …); `unknown` when nothing fits.
    """
    kind = _by_first_bytes(data)
    if kind is not None:
        return kind
    if zipfile.is_zipfile(io.BytesIO(data)):
        return _kind_of_zip(data)
    if is_pickle(data):
        return "pickle"
    text = text_of(data)
    return "unknown" if text is None else _kind_of_text(text, name.lower())


def _by_first_bytes(data: bytes) -> str | None:
    """The kind by its first bytes (or those that its format puts further in); None when they say nothing."""
    for magic, kind in _MAGIC:
        # Two letters begin many a text too: there they count only where no text could be.
        if data.startswith(magic) and (len(magic) > 2 or text_of(data) is None):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[8:12] == b"DUCK":
        return "duckdb"
    if data[257:262] == b"ustar":
        return "archive"
    header = int.from_bytes(data[:8], "little")
    if 0 < header < len(data) and data[8:9] == b"{" and data[8 : 8 + header].rstrip().endswith(b"}"):
        return "model"  # safetensors
    return "model" if _ONNX.match(data) else None


def _kind_of_zip(data: bytes) -> str:
    """Office files, saved models and archives alike; also a zip that hides behind other bytes."""
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "zip"
    inside = {"xl/": "xlsx", "word/": "docx", "ppt/": "pptx"}
    for folder, kind in inside.items():
        if any(n.startswith(folder) for n in names):
            return kind
    if "META-INF/manifest.xml" in names and "content.xml" in names:
        return "opendocument"
    if any(n.endswith("data.pkl") for n in names) or "config.json" in names:
        return "model"  # PyTorch, Keras
    return "numpy" if names and all(n.endswith(".npy") for n in names) else "zip"


def is_pickle(data: bytes) -> bool:
    """Whether it is a Python pickle of any protocol, the textual one included. Reads opcodes; never loads."""
    if data[:1] == b"\x80" and data[1:2] and data[1] <= 10:
        return True
    if not data.rstrip().endswith(b"."):
        return False
    try:
        opcodes = list(pickletools.genops(data))
    except Exception:  # noqa: BLE001 - any failure to read it as opcodes means that it is not one
        return False
    return len(opcodes) > 2


def _kind_of_text(text: str, name: str) -> str:
    stripped = text.strip()
    kind = "md" if name.endswith((".md", ".markdown")) else "txt"
    if stripped[:1] in ("{", "["):
        kind = _kind_of_json(stripped) or kind
    elif "<svg" in stripped.lower():
        kind = "svg"
    elif stripped.lower().startswith(("<!doctype html", "<html")) or _MARKUP.search(stripped):
        kind = "html"
    elif stripped.startswith("<?xml"):
        kind = "xml"
    if kind == "txt" and (name.endswith((".csv", ".tsv")) or _looks_like_a_table(stripped)):
        return "csv"
    return kind


def _kind_of_json(text: str) -> str | None:
    try:
        content = json.loads(text)
    except RecursionError:
        return "unknown"
    except ValueError:
        return "jsonl" if _is_json_lines(text) else None
    return "ipynb" if isinstance(content, dict) and "nbformat" in content else "json"


def _is_json_lines(text: str) -> bool:
    try:
        return all(isinstance(json.loads(line), dict | list) for line in text.splitlines() if line.strip())
    except (ValueError, RecursionError):
        return False


def delimiter_of(text: str) -> str | None:
    """The delimiter under which most lines have the same number of cells, at least two; None if none does."""
    lines = [line for line in text.splitlines() if line.strip()][:200]
    best = None
    for candidate in (",", ";", "\t", "|"):
        widths = [len(row) for row in csv.reader(lines, delimiter=candidate)]
        width = max(set(widths), key=widths.count, default=1)
        share = widths.count(width) / len(widths) if widths else 0
        if len(lines) > 1 and width > 1 and share >= 0.9 and (best is None or width > best[1]):
            best = (candidate, width)
    return best[0] if best else None


def _looks_like_a_table(text: str) -> bool:
    delimiter = delimiter_of(text)
    return delimiter is not None and any(c.isdigit() for c in text)


def hidden_parts(data: bytes, kind: str, name: str) -> tuple[DisclosureFinding, ...]:
    """What text carries besides what a reader sees: comments, unseen characters.

    For images see `images.hidden_in_png`, for everything that may not leave at all see `carriers`.
    """
    text = text_of(data) if kind in TEXT_TYPES else None
    if text is None:
        return ()
    found: list[tuple[str, str]] = []
    if _UNSEEN.search(text) or _runs_of_format_characters(text):
        found.append(
            ("unseen-characters", "There are characters that nobody can see. Save it as plain text.")
        )
    if kind == "md" and _UNSEEN_IN_MARKDOWN.search(text):
        found.append(("unseen-markdown", "There are comments or embedded files. Take them out."))
    if kind == "json" and _repeats_a_key(text):
        found.append(("repeated-key", "A key is there twice, and a reader sees only one of them. Keep one."))
    if data.startswith(b"\xef\xbb\xbf\xef\xbb\xbf"):
        found.append(("unseen-characters", "There is more than one byte order mark. Save it as plain text."))
    return tuple(DisclosureFinding(rule, name, Severity.STOP, sentence) for rule, sentence in found)


def _runs_of_format_characters(text: str) -> bool:
    """Joiners are part of many scripts, but no script needs three in a row."""
    run = 0
    for character in text:
        run = run + 1 if character > "\x7f" and unicodedata.category(character) == "Cf" else 0
        if run > 2:
            return True
    return False


def _repeats_a_key(text: str) -> bool:
    repeated = False

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in items}) < len(items)
        return dict(items)

    hook: Callable[[list[tuple[str, object]]], dict[str, object]] = pairs
    json.loads(text, object_pairs_hook=hook)
    return repeated
