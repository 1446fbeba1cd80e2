"""What is allowed: dated documents that stewards read, and the one engine that decides. Pure.

`decision` is what comes out, `rules` the closed set of rule kinds, `facts` how facts are read, `schema` what
a document may say, `engine` decides, `book` holds all documents, `explain` puts it in words, `lock` guards
published versions.
"""

from policies.book import PolicyBook
from policies.decision import Decision, Finding, Outcome, PolicyRef
from policies.errors import BadDocument, NotInForce, PolicyError, UnknownPolicy

__all__ = [
    "BadDocument",
    "Decision",
    "Finding",
    "NotInForce",
    "Outcome",
    "PolicyBook",
    "PolicyError",
    "PolicyRef",
    "UnknownPolicy",
]
