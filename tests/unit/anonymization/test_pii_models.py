"""A named-entity model is used when one is installed, never fetched, and evidence says which. All names are made up."""

from __future__ import annotations

import importlib
import json
import socket
import sys

import pytest
import spacy

from anonymization.errors import AnonymizationError
from anonymization.pii import redact
from anonymization.pii.models import Models, installed
from anonymization.pii.trial.ladder import knowledge_of, measure
from anonymization.pii.trial.registry import trial


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package with one entry point in a directory on sys.path."""

    def install(name: str, code: str, group: str = "spacy_models", target: str = "") -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
        info = tmp_path / f"{name}-1.2.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}{target}\n")
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield install
    for name in list(sys.modules):
        if name.startswith(("xx_", "sw_", "en_")):
            del sys.modules[name]


def pipeline(tmp_path, language: str, *patterns: tuple[str, str]) -> str:
    """Saves a spaCy pipeline whose entity ruler knows some names; returns the code of a package that loads it."""
    nlp = spacy.blank(language)
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": label, "pattern": [{"LOWER": word.lower()} for word in text.split()]}
            for label, text in patterns
        ]
    )
    nlp.to_disk(tmp_path / "saved")
    return (
        f"import spacy\ndef load(**kwargs):\n    return spacy.load({str(tmp_path / 'saved')!r}, **kwargs)\n"
    )


def test_without_a_model_nothing_is_used_and_that_is_said():
    assert not Models(["sw", "en"])
    _, evidence = redact(["x"], processes=1)
    assert "none" in evidence["language_model"]
    assert "named-entity models" not in evidence["detectors"]


@pytest.mark.parametrize("processes", [1, 2])
def test_an_installed_spacy_model_finds_lower_case_strangers(package, tmp_path, monkeypatch, processes):
    def no_network(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    package(
        "xx_tiny_sm",
        pipeline(tmp_path, "xx", ("PER", "zubeida makori"), ("LOC", "ngarenaro"), ("ORG", "zuku")),
    )
    texts = ["jana zubeida makori alienda Ngarenaro kununua zuku", "jana mvua ilinyesha"] * (
        1 if processes == 1 else 1_600
    )
    out, evidence = redact(texts, languages=["sw"] * len(texts), profile="standard", processes=processes)
    assert out[-2:] == ["jana [person] alienda [place] kununua zuku", "jana mvua ilinyesha"]
    assert evidence["language_model"] == "used: xx_tiny_sm 1.2.3 (sw); languages without one: none"
    assert "named-entity models" in evidence["detectors"]
    assert evidence["by_detector"]["model:xx_tiny_sm"] == len(texts)
    assert "makori" not in json.dumps(evidence).lower()
    without, told = redact(texts[:2], languages=["sw"] * 2, profile="standard", processes=1, models=False)
    assert without == texts[:2]
    assert "none" in told["language_model"]


def test_a_languages_own_model_goes_before_the_one_for_any(package, tmp_path):
    package("xx_tiny_sm", pipeline(tmp_path, "xx", ("PER", "zubeida")))
    package("sw_news_md", "load = None")
    package("sw_news_sm", "load = None")
    assert {language: point.name for language, point in installed().items()} == {
        "xx": "xx_tiny_sm",
        "sw": "sw_news_md",
    }
    models = Models(["sw", "tl"])
    assert models.names() == ["sw_news_md 1.2.3 (sw)", "xx_tiny_sm 1.2.3 (tl)"]
    with pytest.raises(AnonymizationError, match="sw_news_md is installed but does not load"):
        models.find("zubeida", "sw")


def test_anything_that_reads_a_text_can_be_plugged_in(package):
    package(
        "en_own_reader",
        "def reader(language):\n    return lambda text: [(0, 4, 'PER'), (0, 4, 'ORG'), (-3, 99999, 'PER')] if language == 'en' else []\n",
        group="registry_enclave.entity_models",
        target=":reader",
    )
    out, evidence = redact(
        ["zari came", "zari came"], languages=["en", "sw"], profile="standard", processes=1
    )
    assert out == ["[person] came", "zari came"]
    assert evidence["language_model"] == "used: en_own_reader 1.2.3 (en); languages without one: sw"


def test_a_model_raises_recall_on_strangers(package, tmp_path):
    """Trained on nothing here: its ruler knows the trial's strangers, so that the path is measured, not the model."""
    from anonymization.pii.trial.registry import lists

    strangers = [("PER", name) for found in lists().values() for name in found["strangers"]]
    package("xx_tiny_sm", pipeline(tmp_path, "xx", *strangers))
    made = trial(160, seed=3)
    knowledge = knowledge_of(made)
    on = {"shapes", "linked", "registry", "titles", "models"}
    without, _ = measure(made, on, knowledge)
    with_it, _ = measure(made, on, knowledge, models=True)
    assert with_it.everything.recall > without.everything.recall + 0.02
