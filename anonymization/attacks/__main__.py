"""`python -m anonymization.attacks FILE --recipe NAME|PATH`: what a recipe leaves to attackers, before it is used."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from anonymization.attacks.microdata import attack_microdata
from anonymization.attacks.settings import AttackSettings
from anonymization.errors import AnonymizationError, Unusable
from anonymization.files import read_table
from anonymization.keys import KeyRing
from anonymization.recipe import Recipe, load_recipe, packaged_recipe, packaged_recipes


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the attacks were made, 2 when the file or the recipe does not serve."""
    parser = argparse.ArgumentParser(prog="python -m anonymization.attacks", description=__doc__)
    parser.add_argument("file", type=Path, help="the extract, CSV or Parquet")
    parser.add_argument("--recipe", required=True, help=f"a file, or one of: {', '.join(packaged_recipes())}")
    parser.add_argument("--as-of", type=date.fromisoformat, default=date.today(), help="the day of ages")  # noqa: DTZ011 - a day, not a time
    parser.add_argument("--attacks", type=int, default=AttackSettings().attacks)
    parser.add_argument("--seed", default="attacks", help="words; the same words give the same figures")
    parser.add_argument(
        "--json", action="store_true", help="the whole evidence instead of one line for each attack"
    )
    asked = parser.parse_args(arguments)
    # Nothing that is made here is kept, so the key serves repeatability alone.
    keys = KeyRing(hashlib.sha256(asked.seed.encode()).digest())
    try:
        found = attack_microdata(
            _recipe(asked.recipe),
            read_table(asked.file),
            keys,
            scope="attacks",
            reference_date=asked.as_of,
            settings=AttackSettings(attacks=asked.attacks),
        )
    except AnonymizationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(found, indent=1) + "\n" if asked.json else _lines(found))
    return 0


def _recipe(name: str) -> Recipe:
    if name in packaged_recipes():
        return packaged_recipe(name)
    if not Path(name).is_file():
        raise Unusable(
            f"There is no recipe of that name and no such file. Packaged recipes: {', '.join(packaged_recipes())}."
        )
    return load_recipe(Path(name))


def _lines(found: dict[str, Any]) -> str:
    if "not_made" in found:
        return f"{found['not_made']}\n"
    out = [f"{'attack':58}{'success':>9}{'control':>9}{'blind':>7}  risk"]
    for r in found["results"]:
        name = ", ".join(part for part in (r["family"], r["attacker"], r["what"], r["reading"]) if part)
        low, high = r["risk"]["interval"]
        rates = f"{r['attack']['rate']:9.3f}{r['control']['rate']:9.3f}{r['baseline']['rate']:7.3f}"
        out.append(f"{name[:57]:58}{rates}  {r['risk']['value']:.3f} [{low:.3f}, {high:.3f}]")
    out += [f"{name}: at most {value:.1%}" for name, value in found["risks"].items()]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.exit(main())
