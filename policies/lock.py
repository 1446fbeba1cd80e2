"""Published versions never change: `published.lock` holds the digest of each, and a test compares.

After a new version is added and approved, `python -m policies.lock` writes its digest. It refuses to touch a
digest that is already there: what was published is changed by adding a version, never by editing one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from policies.book import PolicyBook
from policies.errors import PolicyError, VersionChanged

LOCK = Path(__file__).with_name("published.lock")


def digests(book: PolicyBook) -> dict[str, str]:
    """Digest of every version of every policy, by `policy@version`."""
    return {
        f"{policy}@{version.version}": version.digest(policy)
        for policy in book
        for version in book.document(policy).versions
    }


def read(text: str) -> dict[str, str]:
    """The digests of a lock file's text: one `policy@version digest` a line, `#` starts a comment."""
    lines = (line.split("#", 1)[0].split() for line in text.splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}


def problems(book: PolicyBook, locked: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence for each published version that changed or is gone, and each that is not locked yet."""
    now = digests(book)
    changed = [
        f"{key} no longer reads as it was published: put its words and numbers back, and say what is new "
        "in a further version."
        for key in sorted(locked)
        if key in now and now[key] != locked[key]
    ]
    gone = [f"{key} was published and is gone: put it back." for key in sorted(set(locked) - set(now))]
    new = [
        f"{key} is not published yet: run `python -m policies.lock`."
        for key in sorted(set(now) - set(locked))
    ]
    return (*changed, *gone, *new)


def updated(book: PolicyBook, text: str) -> str:
    """The lock file with every new version added.

    Raises:
        VersionChanged: a version that is already in it changed or is gone.
    """
    locked = read(text)
    broken = [p for p in problems(book, locked) if "is not published yet" not in p]
    if broken:
        raise VersionChanged(" ".join(broken))
    head = (
        "# Digest of every published policy version. Added to by `python -m policies.lock`, never edited.\n"
    )
    return head + "".join(f"{key} {digest}\n" for key, digest in sorted((digests(book) | locked).items()))


def main() -> int:
    text = LOCK.read_text(encoding="utf-8") if LOCK.exists() else ""
    try:
        after = updated(PolicyBook.packaged(), text)
    except PolicyError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    LOCK.write_text(after, encoding="utf-8")
    sys.stdout.write(f"{len(read(after)) - len(read(text))} new version(s) published.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
