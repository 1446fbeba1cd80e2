"""What files that may not leave carry unseen, each with its place; never run, never quoted, never unpacked for long."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
import vl_convert
from pngs import a_png
from sklearn.neighbors import KNeighborsClassifier

from anonymization.disclosure import check_file
from anonymization.disclosure.carriers import bounded, carried
from anonymization.disclosure.files import media_type

SECRET = "Ana-4711"
WORKBOOK = (
    '<workbook><sheets><sheet name="Results" sheetId="1"/><sheet name="Ana-4711" sheetId="2" state="veryHidden"/>'
    '</sheets><definedNames><definedName name="Ana-4711" hidden="1">x</definedName></definedNames></workbook>'
)
SHEET = (
    '<worksheet><cols><col min="2" max="2" hidden="1"/></cols><sheetData><row r="1" hidden="1"><c r="A1"><v>1</v></c>'
    '<c r="B4" t="n"><f>SUM(C1:C9)</f><v>Ana-4711</v></c></row></sheetData></worksheet>'
)


def an_archive(**parts: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def found(data: bytes, name: str = "f") -> set[tuple[str, str]]:
    findings = carried(data, media_type(data, name), name)
    assert SECRET not in str(findings)
    return {(f.rule, f.place.removeprefix(name).removeprefix(", ")) for f in findings}


def test_a_workbook_says_which_sheet_and_cell_nobody_sees():
    parts = {
        "xl/workbook.xml": WORKBOOK,
        "xl/worksheets/sheet1.xml": SHEET,
        "xl/comments1.xml": f"<comments>{SECRET}</comments>",
        "xl/pivotCache/pivotCacheRecords1.xml": "<r/>",
        "xl/externalLinks/externalLink1.xml": "<r/>",
        "xl/vbaProject.bin": b"\x00",
        "docProps/core.xml": f"<creator>{SECRET}</creator>",
    }
    assert found(an_archive(**parts)) == {
        ("closed-format", ""),
        ("hidden-sheet", "sheet 2"),
        ("hidden-name", ""),
        ("hidden-cells", "sheet file 1"),
        ("formula", "sheet file 1, cell B4"),
        ("comment", ""),
        ("pivot-cache", ""),
        ("external-link", ""),
        ("macro", ""),
        ("file-metadata", ""),
    }


@pytest.mark.parametrize("missing", ["state", "hidden", "<f>"])
def test_what_a_workbook_does_not_hide_is_not_said_to_be_hidden(missing):
    clean = {"xl/workbook.xml": WORKBOOK, "xl/worksheets/sheet1.xml": SHEET}
    every = found(an_archive(**clean))
    cleaned = {k: v.replace(missing, "x" if missing != "<f>" else "<w>") for k, v in clean.items()}

    assert found(an_archive(**cleaned)) < every


def test_a_document_with_deleted_text_and_an_open_document_with_hidden_rows_are_seen_through():
    document = {"word/document.xml": f'<w:p><w:del w:id="1"><w:delText>{SECRET}</w:delText></w:del></w:p>'}
    assert ("hidden-text", "") in found(an_archive(**document))
    sheet = {
        "META-INF/manifest.xml": "<m/>",
        "content.xml": '<table:table-row table:visibility="collapse"/>',
    }
    assert media_type(an_archive(**sheet)) == "opendocument"
    assert ("hidden-cells", "") in found(an_archive(**sheet))


def test_a_notebook_names_each_cell_that_keeps_an_output():
    book = {
        "nbformat": 4,
        "metadata": {"widgets": {"x": SECRET}, "kernelspec": {}},
        "cells": [
            {"cell_type": "markdown", "source": "x"},
            {"cell_type": "code", "outputs": [{"output_type": "stream", "text": SECRET}]},
            {"cell_type": "code", "outputs": []},
            {"cell_type": "code", "outputs": [{"output_type": "error", "traceback": [SECRET]}]},
            {"cell_type": "markdown", "attachments": {SECRET: {}}},
        ],
    }
    assert found(json.dumps(book).encode(), "n.ipynb") == {
        ("saved-outputs", "metadata"),
        ("saved-outputs", "cell 2, output 1"),
        ("saved-outputs", "cell 4, output 1"),
        ("saved-outputs", "cell 5"),
    }
    cleared = {"nbformat": 4, "metadata": {"kernelspec": {}}, "cells": [{"cell_type": "code", "outputs": []}]}
    assert found(json.dumps(cleared).encode()) == set()


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("<script>var rows = ['Ana-4711']</script>", "script"),
        ('<p onclick="x">1</p>', "script"),
        ("<!-- Ana-4711 -->", "comment"),
        ("<p style='color:red; display : none'>Ana-4711</p>", "hidden-text"),
        ("<td hidden>Ana-4711</td>", "hidden-text"),
        ("<td data-row='Ana-4711'>1</td>", "embedded-data"),
        ("<img src='data:image/png;base64,QW5h'>", "embedded-file"),
        ("<img src='//elsewhere.example/Ana-4711'>", "external-link"),
        ("<svg><metadata>Ana-4711</metadata></svg>", "file-metadata"),
        ("<iframe srcdoc='Ana-4711'></iframe>", "embedded-file"),
        ("<![CDATA[Ana-4711]]>", "embedded-data"),
    ],
)
def test_a_page_names_the_line_of_what_is_not_shown(line, rule):
    page = f"<!DOCTYPE html>\n<html><body>\n<p>Most are reached.</p>\n{line}\n</body></html>".encode()

    assert (rule, "line 4") in found(page)
    assert found(page.replace(line.encode(), b"<p>40</p>")) == {("closed-format", "")}


def test_a_drawing_with_a_point_for_each_household_is_told_from_one_with_a_few_bars():
    def drawn(points: int) -> bytes:
        values = [{"x": i, "y": i % 7} for i in range(points)]
        encoding = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}
        spec = {"data": {"values": values}, "mark": "circle", "encoding": encoding}
        return vl_convert.vegalite_to_svg(spec).encode()

    assert ("points-one-by-one", "") in found(drawn(400))
    assert ("points-one-by-one", "") not in found(drawn(10))


def a_pdf() -> bytes:
    return vl_convert.vegalite_to_pdf({"data": {"values": [{"a": 1}]}, "mark": "bar"})


def test_a_pdf_says_what_is_behind_its_pages():
    plain = a_pdf()
    rules = {rule for rule, _ in found(plain)}
    assert "closed-format" in rules
    assert not rules & {"embedded-file", "script", "earlier-state", "trailing-bytes"}

    attached = plain.replace(b"%%EOF", b"<</Type/Embedded#46ile>> <</S/JavaScript>>\n%%EOF")
    assert {"embedded-file", "script"} <= {rule for rule, _ in found(attached)}
    assert "earlier-state" in {rule for rule, _ in found(plain + b"\n1 0 obj\nendobj\n%%EOF")}
    assert "trailing-bytes" in {rule for rule, _ in found(plain + SECRET.encode())}


def test_a_photograph_says_what_it_carries_besides_pixels():
    spec = {"data": {"values": [{"a": 1}]}, "mark": "bar"}
    plain = vl_convert.vegalite_to_jpeg(spec)
    assert found(plain) == {("closed-format", "")}
    exif = b"\xff\xe1" + (2 + len(SECRET)).to_bytes(2, "big") + SECRET.encode()
    assert ("image-metadata", "") in found(plain[:2] + exif + plain[2:])
    assert ("trailing-bytes", "") in found(plain + SECRET.encode())


class Bomb:
    """Would write a file if it were ever loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w"))


def test_a_model_that_keeps_its_rows_is_named_and_never_loaded(tmp_path):
    rows = pd.DataFrame({"a": np.arange(20.0)})
    neighbours = KNeighborsClassifier(3).fit(rows, [0, 1] * 10)
    for protocol in range(2, 6):
        assert ("keeps-rows", "") in found(pickle.dumps(neighbours, protocol=protocol))
    assert ("keeps-rows", "") in found(pickle.dumps(rows))
    assert found(pickle.dumps({"coefficient": 1.5, "n": 900}, protocol=4)) == {("closed-format", "")}

    mark = tmp_path / "ran"
    found(pickle.dumps(Bomb(str(mark))))
    found(an_archive(**{"archive/data.pkl": pickle.dumps(Bomb(str(mark)))}))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (an_archive(**{"archive/data.pkl": pickle.dumps([1])}), "model"),
        (an_archive(**{"a.npy": b"x"}), "numpy"),
        ((20).to_bytes(8, "little") + b'{"w":{"dtype":"F4"}}' + bytes(40), "model"),
        (b"$FL2@(#) SPSS DATA FILE", "spss"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "webp"),
        (b"BM\x00\x00\x01\x00", "bmp"),
        (b"MZ\x90\x00\x03", "program"),
        (b"\x00" * 8 + b"DUCK" + bytes(20), "duckdb"),
        (b"BMI,households\n20,40\n", "csv"),
        (b"MZ is a text of two letters and more.", "txt"),
    ],
)
def test_more_kinds_are_known_by_their_bytes(data, kind):
    assert media_type(data, "result") == kind


def test_a_bomb_of_an_archive_is_given_up_and_said_so(monkeypatch):
    monkeypatch.setattr(bounded, "MOST", 2**20)
    bomb = an_archive(**{"xl/workbook.xml": b"<sheets/>", "xl/worksheets/sheet1.xml": bytes(2**21)})

    assert len(bomb) < 2**14
    assert ("too-much", "") in found(bomb)


@pytest.mark.parametrize("cut", range(0, 400, 23))
def test_a_damaged_file_gets_findings_and_no_traceback(cut):
    for whole in (
        an_archive(**{"xl/workbook.xml": WORKBOOK, "xl/worksheets/sheet1.xml": SHEET}),
        a_pdf(),
        pickle.dumps([{"a": 1}] * 40),
        vl_convert.vegalite_to_jpeg({"data": {"values": [{"a": 1}]}, "mark": "bar"}),
    ):
        for kind in ("xlsx", "pdf", "pickle", "jpeg", "html", "ipynb", "zip", "unknown", "gif", "webp"):
            carried(whole[: len(whole) - cut], kind, "f")


def test_many_findings_of_one_kind_are_counted():
    cells = [{"cell_type": "code", "outputs": [{"output_type": "stream"}]}] * 500
    findings = carried(json.dumps({"nbformat": 4, "cells": cells}).encode(), "ipynb", "n.ipynb")

    assert len(findings) == 21
    assert findings[-1].sentence == "480 more places like the ones above."


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"region,households\nnorth,40\n", "t.csv"),
        (b"Most are reached.\n", "t.txt"),
        (b"# Most\n", "t.md"),
        (b'[{"a": 1}]', "t.json"),
        (a_png(), "t.png"),
    ],
)
def test_what_may_leave_carries_nothing(data, name):
    assert carried(data, media_type(data, name), name) == ()


def test_the_report_counts_what_is_hidden_and_a_closed_kind_always_has_a_finding():
    report = check_file("b.xlsx", an_archive(**{"xl/workbook.xml": WORKBOOK}), None, threshold=10, scan=None)

    assert report.facts["hidden_content"] == 2
    assert "closed-format" in {f.rule for f in report.findings}
    for kind in (
        "parquet",
        "pickle",
        "unknown",
        "compressed",
        "office",
        "jsonl",
        "archive",
        "program",
        "rdata",
    ):
        assert carried(b"x", kind, "f"), kind
