"""From an extract to its synthetic release: planned, charged where it is private, drawn in a bounded process, gated."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from typing import Any

import pandas as pd

from anonymization.pipeline import Candidate
from anonymization.synth import Verdict
from anonymization.synth.bounded import run_bounded
from anonymization.synth.linked import synthesise_related
from anonymization.synth.methods import synthesizer
from anonymization.synth.private import PrivateTree
from anonymization.synth.protocol import UNWATCHED, Watch
from anonymization.synth.several import Syntheses, best_of, noisy_counts, synthesise_several
from enclave.budget.service import Budgets, Question
from enclave.catalogue.model import Dataset
from enclave.extracts.gates import synthetic_facts
from enclave.extracts.model import Extract, ExtractState
from enclave.extracts.recipes import BEST, SynthesisRecipe, recipe_of
from enclave.extracts.related_plans import Part, expected_related, parts_of, plans_of, with_rules
from enclave.extracts.service import Extracts
from enclave.extracts.summaries import private_summary, synthetic_summary
from enclave.extracts.synthesis_gates import private_facts, worst_facts
from enclave.extracts.synthesis_plans import Planned, expected, from_dictionary, from_microdata
from enclave.extracts.synthesis_products import demand_in_words, product_of
from enclave.extracts.verdicts import judge
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import IllegalMove, Invalid, NotFound, OverBudget
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release, ReleaseState
from enclave.releases.service import Releases
from policies import PolicyBook
from policies.engine import version_in_force
from policies.rules import AtLeast

_STANDS = {ReleaseState.BUILT, ReleaseState.PUBLISHED}
#: Wall time for each second of processor time, on a machine that does other things too.
_PATIENCE = 6.0


@dataclass(frozen=True, slots=True)
class Synthesising:
    """The use case behind the job "synthesise"."""

    kit: Kit
    extracts: Extracts
    releases: Releases
    budgets: Budgets

    def plan(self, actor: Actor, extract_id: str, recipe_name: str = "") -> Planned:
        """What it will take and what the gate will ask; no row is read and nothing is charged.

        Raises:
            NotFound: no such extract or recipe, or nothing to learn from yet.
            IllegalMove: a private method needs the extract, which was destroyed.
        """
        actor.must(Capability.EXTRACT_PROCESS)
        with self.kit.read() as uow:
            extract = uow.get(Extract, extract_id)
            dataset = uow.first(Dataset, slug=extract.dataset)
        if dataset is None:
            raise NotFound("There is no such dataset.")
        recipe = recipe_of(dataset.slug, recipe_name)
        loss, paid, left, problems, private = None, False, "", list[str](), None
        parts: tuple[Part, ...] = ()
        if recipe.private:
            if extract.state is ExtractState.DESTROYED:
                raise IllegalMove("This extract was destroyed. Take a new one from the registry.")
            private = from_dictionary(dataset, recipe)
            names = tuple(private.columns)
            source, rows, digest = extract.reference, extract.rows, extract.sha256
            question = self._question(dataset, extract, recipe)
            loss = question.loss
            try:
                quoted = self.budgets.quote(question, "")
                paid, left, problems = quoted.paid, quoted.balance.says(), list(quoted.because)
            except OverBudget as error:
                problems = [error.sentence]
        elif recipe.related:
            with self.kit.read() as uow:
                parts = parts_of(uow, recipe, extract)
            names = tuple(f"{p.wanted.name}.{c}" for p in parts for c in p.table.columns)
            source = ", ".join(p.extract.reference for p in parts)
            rows, digest = sum(p.extract.rows for p in parts), "".join(p.extract.sha256 for p in parts)
        else:
            release = self._microdata(extract_id)
            closed = {c.name for c in dataset.columns if c.role.value in {"direct", "free_text"}}
            names = tuple(c for c in release.columns if c not in closed and c not in recipe.leave_out)
            source, rows, digest = release.reference, release.rows, release.manifest.sha256
        seconds, megabytes, basis = (
            expected_related(parts, recipe) if parts else expected(names, rows, recipe, private)
        )
        large = ""
        if seconds > recipe.max_seconds or megabytes > recipe.max_megabytes:
            large = (
                f"It may take {seconds:,.0f} seconds and {megabytes:,.0f} MB, and the recipe allows "
                f"{recipe.max_seconds:,.0f} and {recipe.max_megabytes:,}; ask for fewer tables, or allow more in it."
            )
        open_ = [c.name for c in dataset.columns if c.role.value not in {"direct", "free_text"}]
        return Planned(
            recipe=recipe,
            dataset=dataset.slug,
            extract=extract.id,
            source=source,
            rows=rows,
            columns=names,
            left_out=() if parts else tuple(c for c in open_ if c not in names),
            seconds=seconds,
            wall=_PATIENCE * seconds,
            megabytes=megabytes,
            basis=basis,
            key=hashlib.sha256(f"{extract.id}\0{digest}\0{recipe.digest}".encode()).hexdigest(),
            loss=loss,
            paid=paid,
            left=left,
            gate=self._gate(recipe),
            too_large=large,
            problems=(*([large] if large else []), *problems),
        )

    def synthesise(
        self,
        actor: Actor,
        extract_id: str,
        recipe_name: str = "",
        *,
        since: datetime | None = None,
        watch: Watch = UNWATCHED,
    ) -> Release:
        """Makes the release of a recipe, once: the same work done again gives the release that stands.

        Killed at any point it leaves no release, or the whole one; ordered again it begins anew, and what a private
        method was charged and drew is taken from the ledger.

        Args:
            since: one that was held or withdrawn before this is made again; by default now.
            watch: told how far it is, asked whether to go on.

        Raises:
            As `plan`. Invalid: the plan does not fit. OverBudget: nothing was charged. Cancelled: nothing was kept.
        """
        todo = self.plan(actor, extract_id, recipe_name)
        since = since or self.kit.clock.now()

        def unless(uow: UnitOfWork) -> Release | None:
            found = uow.find(Release, extract=extract_id, tier=Tier.PUBLIC_USE.value)
            mine = [r for r in found if r.summary.get("key") == todo.key]
            return next((r for r in reversed(mine) if r.state in _STANDS or r.created_at >= since), None)

        with self.kit.read() as uow:
            known = unless(uow)
            dataset, extract = uow.first(Dataset, slug=todo.dataset), uow.get(Extract, extract_id)
        if known is not None:
            return known
        if todo.too_large:
            raise Invalid([todo.too_large])
        if dataset is None:
            raise NotFound("There is no such dataset.")
        bounded = _Bounded(todo, watch)
        if todo.loss is not None:
            made = self._private(actor, dataset, extract, todo, bounded)
            gate: tuple[str, Mapping[str, object]] = (todo.gate[0], private_facts(made, dataset, todo.loss))
            summary = private_summary(made.evidence)
        elif todo.recipe.related:
            made, gate = self._related(actor, extract, todo, bounded)
            summary = synthetic_summary(made.evidence)
        else:
            source = self._microdata(extract_id)
            table = pd.read_parquet(io.BytesIO(self.kit.objects.read(source.files[0])))
            made = bounded(self._work(table, dataset, todo))
            weighed = [synthetic_facts(c.evidence, c.table, dataset) for c in made.candidates]
            gate = (todo.gate[0], worst_facts(weighed, self._least(todo.gate[0])))
            summary = synthetic_summary(made.evidence)
        return self.releases.publish(actor, product_of(made, todo, dataset, gate, summary, unless))

    def _related(
        self, actor: Actor, extract: Extract, todo: Planned, bounded: _Bounded
    ) -> tuple[Syntheses, tuple[str, Mapping[str, object]]]:
        """Learns the extracts' rows without their direct identifiers; keys are made anew."""
        recipe = todo.recipe
        with self.kit.read() as uow:
            parts = parts_of(uow, recipe, extract)
        frames = {}
        for p in parts:
            rows = self.extracts.table(actor, p.extract.id)[2]
            frames[p.wanted.name] = rows[
                [c for c in (p.table.key, p.table.parent_key) if c] + list(p.table.columns)
            ]
        task = {
            "frames": frames, "tables": with_rules(parts, frames), "plans": plans_of(parts, recipe),
            "seed": recipe.seed, "programmes": recipe.programmes,
        }  # fmt: skip
        made: Syntheses = bounded((synthesise_related, task))
        weighed = [
            synthetic_facts(c.evidence, c.table[list(p.table.columns)], p.dataset)
            for c, p in zip(made.candidates, parts, strict=True)
        ]
        return made, (todo.gate[0], worst_facts(weighed, self._least(todo.gate[0])))

    def _work(self, table: pd.DataFrame, dataset: Dataset, todo: Planned) -> _Work:
        recipe = todo.recipe
        plan = from_microdata(table, dataset, recipe)
        if recipe.method == BEST:
            weigh = _Judge(dataset, self.kit.clock.today())
            return best_of, {
                "df": table, "plan": plan, "methods": recipe.among, "tables": recipe.tables, "seed": recipe.seed,
                "judge": weigh, "seconds": todo.wall, "megabytes": int(todo.megabytes),
            }  # fmt: skip
        return synthesise_several, {"df": table, "plan": plan, "tables": recipe.tables, "seed": recipe.seed}

    def _private(
        self, actor: Actor, dataset: Dataset, extract: Extract, todo: Planned, bounded: _Bounded
    ) -> Syntheses:
        """Charged, then measured, then stored, then drawn: each step that is done is taken from the ledger."""
        recipe, plan = todo.recipe, from_dictionary(dataset, todo.recipe)
        question = self._question(dataset, extract, recipe)
        rows: list[pd.DataFrame] = []

        def read() -> pd.DataFrame:
            if not rows:
                rows.append(self.extracts.table(actor, extract.id)[2])
            return rows[0]

        def draw() -> Mapping[str, object]:
            work: _Work = (noisy_counts, {"df": read(), "plan": plan, "seed": recipe.seed})
            return {"counts": bounded(work), "mechanism": question.mechanism, "software": question.software}

        answer = self.budgets.ask(actor, question, "", draw)
        work: _Work = (
            synthesise_several,
            {
                "df": read(),
                "plan": plan,
                "tables": recipe.tables,
                "seed": recipe.seed,
                "measured": answer["counts"],
            },
        )
        made: Syntheses = bounded(work)
        made.evidence["charge"] = question.key
        return made

    def _question(self, dataset: Dataset, extract: Extract, recipe: SynthesisRecipe) -> Question:
        """The ledger's view of a private synthesis: all that its noise depends on."""
        plan = from_dictionary(dataset, recipe)
        method = synthesizer(plan)
        if not isinstance(method, PrivateTree):
            raise Invalid(["Only a differentially private method is charged; correct the recipe."])
        held = {"holdout_share": plan.holdout_share, "seed": recipe.seed, "unit_id": plan.unit_id}
        query = {"kind": SYNTHESIS, **method.description, **held}
        return Question(
            dataset=dataset.slug,
            extract=extract.id,
            canonical=json.dumps(query, sort_keys=True, separators=(",", ":")).encode(),
            query=query,
            loss=method.loss,
            unit="household",
            mechanism="discrete Gaussian noise on a tree of marginals, each edge a noisy maximum",
            software=f"opendp {version('opendp')}",
        )

    def _gate(self, recipe: SynthesisRecipe) -> tuple[str, tuple[str, ...]]:
        name = "private-synthesis" if recipe.private else "synthetic-data"
        rules = version_in_force(self.kit.policies.document(name), name, self.kit.clock.today()).entries(name)
        return name, tuple(demand_in_words(rule) for rule in rules)

    def _least(self, policy: str) -> frozenset[str]:
        """The facts of which a policy demands a least figure."""
        rules = version_in_force(self.kit.policies.document(policy), policy, self.kit.clock.today())
        return frozenset(r.fact for r in rules.entries(policy) if isinstance(r, AtLeast))

    def _microdata(self, extract_id: str) -> Release:
        with self.kit.read() as uow:
            found = uow.find(
                Release,
                extract=extract_id,
                tier=Tier.SCIENTIFIC_USE.value,
                state=ReleaseState.PUBLISHED.value,
            )
        if not found:
            raise NotFound("This extract has no published scientific-use release yet. Process it first.")
        return found[-1]


#: How a stored charge says that it is a synthesis and no query.
SYNTHESIS = "synthesis"
_Work = tuple[Callable[..., Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Bounded:
    """Does work in a process of its own, within what the plan stated."""

    todo: Planned
    watch: Watch

    def __call__(self, work: _Work) -> Any:
        call, task = work
        return run_bounded(
            call,
            task,
            seconds=self.todo.seconds,
            wall=self.todo.wall,
            megabytes=self.todo.megabytes,
            watch=self.watch,
        )


@dataclass(frozen=True, slots=True)
class _Judge:
    """Weighs a candidate by the policy in force, in whichever process."""

    dataset: Dataset
    on: date

    def __call__(self, candidate: Candidate) -> Verdict:
        return judge(PolicyBook.packaged(), self.dataset, self.on)(candidate)
