"""The worked examples that stewards wrote, and the documents that must be refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from policies import BadDocument, PolicyBook
from policies.rules import Rule
from policies.schema import read_document

CASES = Path(__file__).parents[2] / "cases"
BOOK = PolicyBook.packaged()


def worked_examples() -> Iterator[tuple[str, str, dict, dict]]:
    for path in sorted(CASES.glob("*.yaml")):
        sheet = yaml.safe_load(path.read_text(encoding="utf-8"))
        for case in sheet["cases"]:
            facts = sheet["facts"] | case.get("with", {})
            facts = {name: value for name, value in facts.items() if name not in case.get("without", [])}
            yield sheet["policy"], sheet["day"], facts, case


EXAMPLES = list(worked_examples())
BAD = sorted((CASES / "bad").glob("*.yaml"))


@pytest.mark.parametrize(
    ("policy", "on", "facts", "case"), EXAMPLES, ids=[f"{e[0]}: {e[3]['name']}" for e in EXAMPLES]
)
def test_a_worked_example_comes_out_as_the_steward_wrote(policy, on, facts, case):
    decision = BOOK.decide(policy, facts, on)

    against = [finding.rule for finding in decision.findings if finding.outcome != "allow"]
    assert (decision.outcome.value, against) == (case["outcome"], case.get("because", []))
    assert len(decision.refusals) == len(against)


@pytest.mark.parametrize("policy", sorted(set(BOOK)))
def test_every_rule_is_turned_by_a_case_in_which_nothing_else_is_wrong(policy):
    version = BOOK.document(policy).versions[-1]
    rules = {entry.id for entry in version.entries(policy) if isinstance(entry, Rule)}

    turned = {
        case["because"][0] for p, _, _, case in EXAMPLES if p == policy and len(case.get("because", [])) == 1
    }

    assert rules <= turned, f"{policy}: no case turns {sorted(rules - turned)} alone"


@pytest.mark.parametrize("policy", sorted({e[0] for e in EXAMPLES}))
def test_every_policy_has_a_case_that_it_allows(policy):
    assert any(case["outcome"] == "allow" for p, _, _, case in EXAMPLES if p == policy)


@pytest.mark.parametrize("path", BAD, ids=[p.stem for p in BAD])
def test_a_bad_document_is_refused_with_words_that_help(path):
    text = path.read_text(encoding="utf-8")
    expected = text.splitlines()[0].removeprefix("# says: ").split(" | ")

    with pytest.raises(BadDocument) as refusal:
        read_document(text, path.name)

    message = str(refusal.value)
    assert message.startswith(path.name)
    assert [words for words in expected if words not in message] == [], message


def test_there_are_bad_documents_to_try():
    assert len(BAD) >= 20


def test_a_bad_document_with_its_fault_repaired_is_accepted():
    text = (
        (CASES / "bad" / "a-bare-number.yaml")
        .read_text(encoding="utf-8")
        .replace("at most 5", "at most {threshold}")
    )

    assert read_document(text, "repaired.yaml").title == "An example"
