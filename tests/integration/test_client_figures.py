"""Figures drawn with the session's own matplotlib pass the airlock: pixels alone, and the households behind each mark."""

from __future__ import annotations

import os
import subprocess
from datetime import date
from pathlib import Path

import pytest
from hubkit import session_runtime

from anonymization.disclosure import check_file
from policies import PolicyBook

ROOT = Path(__file__).resolve().parents[2]
DRAWING = """
import warnings
import numpy as np
from matplotlib import pyplot as plt
from enclave import client

drawn, axes = plt.subplots()
axes.bar(["north", "south"], [40, 35])
words = {"title": "Reach of the transfer", "context": "All households of the 2025 extract, one row each."}
client.figure(drawn, "whole", counts=[40, np.int64(35)], **words)
client.figure(axes, "axes", counts=iter([40, 35]), **words)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    client.figure(drawn, "small", counts=[40, 3], **words)
print(*[w.category.__name__ for w in told])
for counts in ([], [1.5], [-1], ["40"], [True], [float("nan")]):
    try:
        client.figure(drawn, "bad", counts=counts, **words)
    except client.ClientError as error:
        print(error)
try:
    client.figure("no figure", "bad", counts=[40], **words)
except client.ClientError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Path, list[str]]:
    work = tmp_path_factory.mktemp("work")
    env = os.environ | {"ENCLAVE_WORKSPACE": str(work), "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    env |= {"MPLCONFIGDIR": str(work / "mpl")}
    python = session_runtime() / "bin" / "python"
    ran = subprocess.run(
        [str(python), "-c", DRAWING], env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return work / "outputs", ran.stdout.splitlines()


@pytest.mark.parametrize(("name", "outcome"), [("whole", "allow"), ("axes", "allow"), ("small", "deny")])
def test_a_figure_leaves_as_pixels_with_its_counts(drawn, name, outcome):
    folder, _ = drawn
    spec = (folder / f"{name}.sdc.json").read_bytes()
    report = check_file(
        f"{name}.png", (folder / f"{name}.png").read_bytes(), spec, threshold=10, scan=lambda _: []
    )

    assert report.media_type == "png"
    assert report.facts["hidden_content"] == 0
    assert PolicyBook.packaged().decide("output-file", report.facts, date(2026, 11, 25)).outcome == outcome


def test_small_marks_are_warned_about_and_bad_arguments_get_a_sentence_and_write_nothing(drawn):
    folder, said = drawn
    assert said[0] == "SmallCellWarning"
    assert [("whole number" in line) for line in said[1:7]] == [True] * 6
    assert "matplotlib" in said[7]
    assert not list(folder.glob("bad*"))
