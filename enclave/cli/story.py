"""`enclave demo`: a house of its own, the ten steps, and a report that a program can read."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from enclave.cli.house import open_house, welcome
from enclave.cli.supervisor import Supervisor
from enclave.settings import DEMO_SECRET, Settings

Say = Callable[[str], None]
AFTER_THE_CRASH = "store, after a crash"
#: Ports from the first one: portal, gateway, and from ten on the object store's ten.
_GATEWAY, _OBJECTS = 1, 10


@dataclass(frozen=True, slots=True)
class Plan:
    """How the story is told.

    Args:
        folder: for the house's state and the report.
        first_port: of twenty, apart from those of `make up`, so that both can run.
        crash: kill the object store between storing and requesting.
        keep: continue on what the last run left.
        stay: keep everything running afterwards.
    """

    folder: Path
    first_port: int
    households: int
    crash: bool
    keep: bool
    stay: bool

    def settings(self) -> Settings:
        """A house of its own: whatever is set for this machine in earnest, the story does not touch it."""
        return Settings(
            _env_file=None,
            demo=True,
            database_url="",
            registry_url="",
            objects_url="",
            master_key=SecretStr(DEMO_SECRET),
            objects_secret_key=SecretStr(DEMO_SECRET),
            state_dir=(self.folder / "state").resolve(),
            demo_households=self.households,
            public_url=f"http://127.0.0.1:{self.first_port}",
            gateway_url=f"http://127.0.0.1:{self.first_port + _GATEWAY}",
            portal_port=self.first_port,
            gateway_port=self.first_port + _GATEWAY,
            objects_port=self.first_port + _OBJECTS,
        )


def tell(plan: Plan, say: Say) -> int:
    """Tells the story; the exit code: 0 when every step proved what it should, 1 otherwise."""
    from enclave.bootstrap import build  # noqa: PLC0415 - heavy
    from enclave.demo.house import fill_registry, real_slug, set_up  # noqa: PLC0415
    from enclave.demo.story.stage import Stage  # noqa: PLC0415

    plan.folder.mkdir(parents=True, exist_ok=True)
    if not plan.keep:
        shutil.rmtree(plan.folder / "state", ignore_errors=True)
    settings, steps = plan.settings(), _steps(crash=plan.crash)
    report: list[dict[str, object]] = []
    with open_house(settings, say) as supervisor:
        set_up(build(settings), say)
        fill_registry(settings, say)
        stage = Stage(settings, plan.folder.resolve(), real_slug(settings))
        for number, (name, step) in enumerate(steps, 1):
            if name == AFTER_THE_CRASH:
                _kill(supervisor, say)
            say(f"\n{number}. {name}")
            began = time.monotonic()
            ok, proved = _tell_one(stage, step, say)
            seconds = round(time.monotonic() - began, 1)
            report.append({"step": name, "ok": ok, "proved": proved, "seconds": seconds})
            written = json.dumps(report, indent=2, ensure_ascii=False)
            (plan.folder / "report.json").write_text(written, encoding="utf-8")
            if not ok:
                say(f"\nThe story stops at step {number} ({name}). Logs: {settings.state_dir / 'logs'}")
                return 1
        say(
            f"\nAll {len(steps)} steps proved what they should. The report is in {plan.folder / 'report.json'}."
        )
        if plan.stay:
            welcome(settings, say)
            supervisor.run_forever()
    return 0


def _tell_one(stage: object, step: Callable[..., list[str]], say: Say) -> tuple[bool, list[str]]:
    try:
        proved = step(stage)
    except Exception as error:  # noqa: BLE001 - whatever stops a step, the report names it
        sentence = str(error) or type(error).__name__
        say(f"   FAILED: {sentence}")
        return False, [f"{type(error).__name__}: {sentence}"]
    for line in proved:
        say(f"   {line}")
    return True, proved


def _steps(*, crash: bool) -> list[tuple[str, Callable[..., list[str]]]]:
    from enclave.demo.story import data_side, people_side, private_side  # noqa: PLC0415

    again = [(AFTER_THE_CRASH, data_side.store)] if crash else []
    return [
        ("extract", data_side.extract),
        ("de-identify", data_side.deidentify),
        ("aggregate", data_side.aggregate),
        ("synthesise", data_side.synthesise),
        ("store", data_side.store),
        *again,
        ("request", people_side.request),
        ("work", people_side.work),
        ("ask", private_side.ask),
        ("leave", people_side.leave),
        ("see", people_side.see),
    ]


def _kill(supervisor: Supervisor, say: Say) -> None:
    """As a crash would: no warning. The supervisor starts it again; nothing acknowledged may be gone."""
    supervisor.kill("object-store")
    say("\n   The object store was killed (SIGKILL) …")
    if not supervisor.wait_ready("object-store", timeout=120):
        say("   … and did not come back.")
        return
    say("   … and started again.")
