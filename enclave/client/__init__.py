"""What a researcher imports inside a sealed workspace: `from enclave import client`.

`data` lists what the project was granted, `load` reads it, `tabulate` counts households; `output` writes a
table, `regression` a model's coefficients and `figure` a picture, each as the airlock can check it. `questions`,
`quote` and `query` ask the full registry with noise, paid from the project's privacy budget.
`syntheses` loads the tables of a synthetic release, `combined` takes one answer from
all of them. Needs pandas and nothing of the platform.
"""

from __future__ import annotations

from enclave.client.counting import tabulate
from enclave.client.errors import ClientError, SmallCellWarning
from enclave.client.figures import figure
from enclave.client.models import regression
from enclave.client.outputs import output
from enclave.client.querying import Answer, Quote, consistent, describe, query, questions, quote
from enclave.client.syntheses import combined, related, syntheses
from enclave.client.tables import about, data, load

__all__ = [
    "Answer",
    "ClientError",
    "Quote",
    "SmallCellWarning",
    "about",
    "combined",
    "consistent",
    "data",
    "describe",
    "figure",
    "load",
    "output",
    "query",
    "questions",
    "quote",
    "regression",
    "related",
    "syntheses",
    "tabulate",
]
