"""What a file is and what it hides, whatever it is called."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile

import pandas as pd
import pytest
from pngs import a_png, chunk

from anonymization.disclosure import check_file, without_metadata
from anonymization.disclosure.files import hidden_parts, media_type
from anonymization.disclosure.images import BrokenImage, hidden_in_png

TABLE = b"region,households,mean\nnorth,40,1.5\nsouth,35,2.5\n"
ROWS = [{"name": "Ana", "income": 10}]


def an_archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def a_parquet() -> bytes:
    out = io.BytesIO()
    pd.DataFrame(ROWS).to_parquet(out)
    return out.getvalue()


A_NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [{"cell_type": "code", "outputs": [{"text": "Ana"}]}],
}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (TABLE, "csv"),
        (TABLE.replace(b",", b";"), "csv"),
        (b'[{"region": "north", "households": 40}]', "json"),
        (json.dumps(A_NOTEBOOK).encode(), "ipynb"),
        (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        (b"The programme reaches most poor households.\n", "txt"),
        (b"<!DOCTYPE html><html><body>x</body></html>", "html"),
        (b"Text with a <script>fetch('x')</script> in it", "html"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'></svg>", "svg"),
        (a_png(), "png"),
        (a_parquet(), "parquet"),
        (an_archive("xl/workbook.xml"), "xlsx"),
        (an_archive("word/document.xml"), "docx"),
        (an_archive("rows.csv"), "zip"),
        (b"text first" + an_archive("rows.csv"), "zip"),
        (b"%PDF-1.7 ...", "pdf"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\xff\xd8\xff\xe0 JFIF", "jpeg"),
        (*(pickle.dumps(ROWS, protocol=5),), "pickle"),
        (b"a,b\x00c\n1,2\n", "unknown"),
        (b"\xff\xfe\x00\x01", "unknown"),
        (b"\x1b[31mred\x1b[0m,1\n", "unknown"),
        (b"", "txt"),
    ],
)
@pytest.mark.parametrize("name", ["result.txt", "result.png", "result"])
def test_the_content_says_what_a_file_is_and_not_its_name(content, kind, name):
    assert media_type(content, name) == kind


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_any_protocol_is_a_pickle_even_when_it_is_called_a_table(protocol):
    assert media_type(pickle.dumps(pd.DataFrame(ROWS), protocol=protocol), "table.csv") == "pickle"
    assert media_type(pickle.dumps(ROWS, protocol=protocol), "notes.md") == "pickle"


def test_the_name_only_tells_kinds_of_text_apart():
    assert media_type(b"# Findings\n\nMost are reached.", "notes.md") == "md"
    assert media_type(b"households\n40\n", "one-column.csv") == "csv"
    assert media_type(b"40 households, and more", "notes.txt") == "txt"


def test_an_image_without_anything_else_hides_nothing():
    assert hidden_in_png(a_png(), "figure.png") == ()
    assert hidden_in_png(a_png(chunk(b"pHYs", bytes(9))), "figure.png") == ()


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        (a_png(chunk(b"tEXt", b"Comment\x00Ana,10")), "image-metadata"),
        (a_png(chunk(b"iTXt", b"Comment\x00\x00\x00\x00\x00Ana")), "image-metadata"),
        (a_png(chunk(b"eXIf", b"Ana")), "image-metadata"),
        (a_png(chunk(b"prVt", b"Ana")), "image-metadata"),
        (a_png(chunk(b"gAMA", b"Ana earns 10")), "image-metadata"),
        (a_png(chunk(b"pHYs", bytes(9)), chunk(b"pHYs", b"Ana earns")), "image-metadata"),
        (a_png(after=b"Ana,10"), "trailing-bytes"),
        (a_png(behind=b"Ana,10"), "behind-the-pixels"),
        (a_png(pixels=bytes(6 * 3) + b"Ana,10"), "behind-the-pixels"),
        (a_png(pixels=bytes(5)), "behind-the-pixels"),
        (a_png()[:-20], "broken-image"),
        (a_png().replace(b"IDAT", b"IDAX"), "broken-image"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "broken-image"),
        (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**30, 2**30, 8, 0, 0, 0, 0))
            + chunk(b"IEND", b""),
            "broken-image",
        ),
    ],
)
def test_rows_hidden_in_an_image_are_found_and_not_repeated(image, rule):
    findings = hidden_in_png(image, "figure.png")

    assert rule in [f.rule for f in findings]
    assert "Ana" not in str(findings)


def test_the_bytes_of_an_interlaced_image_are_counted_too():
    """A 5 x 3 image is drawn in six passes (one is empty): 15 pixels and a filter byte for each of 7 lines."""
    fits = [n for n in range(1, 60) if not hidden_in_png(a_png(pixels=bytes(n), interlace=1), "i.png")]

    assert fits == [22]


def test_metadata_can_be_taken_out_and_the_pixels_stay():
    dirty = a_png(chunk(b"tEXt", b"Comment\x00Ana,10"), chunk(b"pHYs", bytes(9)), after=b"Ana")

    clean = without_metadata(dirty)

    assert b"Ana" not in clean
    assert hidden_in_png(clean, "figure.png") == ()
    assert clean == a_png(chunk(b"pHYs", bytes(9)))
    with pytest.raises(BrokenImage, match="not a PNG"):
        without_metadata(b"<svg/>")


@pytest.mark.parametrize(
    ("content", "name", "rule"),
    [
        ("plain\u200b text", "n.txt", "unseen-characters"),
        ("abc\u202edef", "n.md", "unseen-characters"),
        ("a" + "\U000e0041\U000e0042", "n.txt", "unseen-characters"),
        ("a\u200d\u200c\u200db", "n.txt", "unseen-characters"),
        ("# Title\n<!-- Ana,10 -->", "n.md", "unseen-markdown"),
        ("# Title\n[//]: # (Ana,10)", "n.md", "unseen-markdown"),
        ("![f](data:image/png;base64,QW5h)", "n.md", "unseen-markdown"),
        ('[{"n": 10, "n": 12}]', "n.json", "repeated-key"),
    ],
)
def test_what_a_reader_does_not_see_is_found(content, name, rule):
    data = content.encode()

    findings = hidden_parts(data, media_type(data, name), name)

    assert [f.rule for f in findings] == [rule]
    assert "Ana" not in str(findings)


def test_joiners_that_scripts_need_are_not_hidden():
    data = "ক্‍ষ می‌خواهم".encode()

    assert hidden_parts(data, "txt", "n.txt") == ()


def test_a_notebook_without_outputs_has_nothing_saved_and_is_still_a_notebook():
    bare = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "outputs": []}]}).encode()

    assert media_type(bare, "n.json") == "ipynb"
    assert hidden_parts(bare, "ipynb", "n.json") == ()


def scan_for_telephones(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word.startswith("+598")]


def test_the_scan_reads_every_line_and_the_name_and_places_are_told_without_the_value():
    lines = ["region,households"] + [f"r{i},{i + 20}" for i in range(900)]
    lines[700] = "r700,+59899123456"

    report = check_file(
        "+59899123456.csv", "\n".join(lines).encode(), None, threshold=10, scan=scan_for_telephones
    )

    places = [f.place for f in report.findings if f.rule == "identifier"]
    assert report.facts["identifiers_found"] == 2
    assert places == ["the file's name", "+59899123456.csv, line 701"]
    assert not any("598" in f.sentence for f in report.findings)


def test_shares_side_by_side_are_no_identifiers_and_what_stands_in_one_cell_is():
    """With the real scan: a table of estimates must be able to leave, a place on the map must not."""
    from anonymization.pii import find_identifiers

    shares = b"region,households,coverage,coverage_se\nR01,3976,0.409,0.009\nR03,4011,0.1153,-0.0061\nR02,1234567,88.123,-17.321\n"
    clean = check_file("shares.csv", shares, None, threshold=10, scan=find_identifiers)
    assert clean.facts["identifiers_found"] == 0
    for cell in ('"-1.2621, 36.8799"', "+254712345678", "juma@example.org", '"call +254712345678, today"'):
        held = check_file(
            "t.csv", f"region,note\nR01,x\nR02,{cell}\n".encode(), None, threshold=10, scan=find_identifiers
        )
        (found,) = [f for f in held.findings if f.rule == "identifier"]
        assert found.place == "t.csv, line 3"
    broken = check_file(
        "t.csv", b'a,b\nx,"+254712345678\nR02,3"\n', None, threshold=10, scan=find_identifiers
    )
    assert broken.facts["identifiers_found"] == 1


def test_a_long_line_is_scanned_to_its_end():
    text = "x " * 20_000 + "+59899123456"

    assert (
        check_file("n.txt", text.encode(), None, threshold=10, scan=scan_for_telephones).facts[
            "identifiers_found"
        ]
        == 1
    )


def test_without_a_scan_nobody_knows_whether_there_are_identifiers():
    assert "identifiers_found" not in check_file("t.csv", TABLE, None, threshold=10, scan=None).facts
