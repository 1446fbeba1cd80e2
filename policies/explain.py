"""A decision as sentences, a policy as a page. What is shown is what decides: nothing is written twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from policies.book import PolicyBook
from policies.decision import Decision, Outcome
from policies.rules import KINDS, Entry, Rule
from policies.schema import Version

_OPENINGS = {
    Outcome.ALLOW: "This is allowed.",
    Outcome.REVIEW: "A person has to decide this.",
    Outcome.DENY: "This is not allowed.",
}
_OTHERWISE = {"deny": "It is refused.", "review": "A person decides."}


def sentences(decision: Decision) -> tuple[str, ...]:
    """What was decided, each reason against it, and which words decided."""
    ref = decision.policy
    cited = f"Decided by the policy {ref.id}, version {ref.version} (digest {ref.digest[:12]})."
    return (_OPENINGS[decision.outcome], *decision.refusals, cited)


def page(policy_id: str, book: PolicyBook | None = None, examples: Sequence[str] = ()) -> str:
    """One policy as a page of Markdown: what it decides, its rules in words, its facts, its versions.

    Args:
        policy_id: the policy.
        book: where it is; the packaged documents when absent.
        examples: worked examples to show, one sentence each.

    Raises:
        UnknownPolicy: there is no such policy.
    """
    book = book or PolicyBook.packaged()
    document = book.document(policy_id)
    lines = [f"# {document.title}: `{policy_id}`", "", document.summary, ""]
    lines += [f"**Decides:** {document.decides[policy_id]}.  ", f"**Owner:** {document.owner}."]
    for version in reversed(document.versions):
        lines += ["", *_version(version, policy_id, document.facts)]
    if examples:
        lines += ["", "## Worked examples", "", *(f"- {example}" for example in examples)]
    if document.references:
        lines += ["", "## References", "", *(f"- {reference}" for reference in document.references)]
    return "\n".join(lines) + "\n"


def kinds_page() -> str:
    """The closed set of rule kinds as a page of Markdown."""
    lines = ["# Kinds of policy rule", "", "A rule is of one of these kinds; there are no others.", ""]
    lines += ["| kind | what it says | parameters |", "|---|---|---|"]
    shared = set(Rule.model_fields) | set(Entry.model_fields) | {"kind"}
    for name, kind in KINDS.items():
        parameters = ["fact"] if issubclass(kind, Rule) else []
        parameters += [field for field in kind.model_fields if field not in shared]
        doc = (kind.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{name}` | {doc} | {', '.join(f'`{p}`' for p in parameters)} |")
    return "\n".join(lines) + "\n"


def _version(version: Version, policy: str, words: dict[str, str]) -> list[str]:
    lines = [f"## Version {version.version}, in force from {_day(version.effective)}", ""]
    lines += [f"Approved by: {', '.join(version.approved_by)}. Digest `{version.digest(policy)[:12]}`.", ""]
    lines += [version.changes, ""] if version.changes else []
    lines += ["| rule | what it says | otherwise |", "|---|---|---|"]
    entries = version.entries(policy)
    lines += [f"| `{entry.id}` | {_says(entry)} | {_consequence(entry)} |" for entry in entries]
    read = dict.fromkeys(fact for entry in entries if isinstance(entry, Rule) for fact in entry.reads())
    if read:
        lines += ["", "It weighs these facts; when one that is needed is not known, it refuses.", ""]
        lines += ["| fact | what it is |", "|---|---|", *(f"| `{fact}` | {words[fact]} |" for fact in read)]
    return lines


def _says(entry: Entry) -> str:
    if isinstance(entry, Rule) and entry.when is not None:
        among = ", ".join("yes" if v is True else "no" if v is False else str(v) for v in entry.when.among)
        return f"{entry.sentence()} (Where `{entry.when.fact}` is {among}.)"
    return entry.sentence()


def _consequence(entry: Entry) -> str:
    return f"{_OTHERWISE[entry.otherwise]} {entry.remedy()}" if isinstance(entry, Rule) else ""


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
