"""Accounts: who gets in, who does not, and what a wrong guess tells."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest
import sqlalchemy as sa
from houses import PASSWORD, TODAY, a_house, a_project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import start_postgres

from enclave.audit.model import AuditEvent
from enclave.kernel.actors import Capability, Role
from enclave.kernel.errors import Conflict, IllegalMove, Invalid, NotAllowed, NotFound
from enclave.kernel.work import Job, Message
from enclave.projects import signing_in

KINDS = ("browser", "token", "hub", "code")
NEW = "another horse battery"


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with start_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_house(request, tmp_path):
    """One enclave on each kind of database: writers queue on one and collide on the other."""
    if request.param == "sqlite":
        yield a_house(tmp_path)
        return
    url = sa.make_url(request.getfixturevalue("server"))
    name = f"p{abs(hash(request.node.name)) % 10**9}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    yield a_house(tmp_path, url.set(database=name).render_as_string(hide_password=False))


def log(house, event: str) -> list[AuditEvent]:
    with house.kit.read() as uow:
        return uow.find(AuditEvent, event=event)


def open_everywhere(house, username: str) -> list[str]:
    person = house.people.by_username(username)
    return [house.people.sign_in(person, kind=kind, seconds=600, context="{}") for kind in KINDS]


def alive(house, secrets: list[str]) -> list[bool]:
    return [house.people.signed_in(s, kinds=KINDS) is not None for s in secrets]


def refused(house, username: str, password: str, code: str = "") -> str:
    with pytest.raises(NotAllowed) as error:
        house.people.authenticate(username, password, code)
    return error.value.sentence


def vera(house):
    """Somebody with a second factor."""
    return house.people.create(
        house.actor("sami"),
        username="vera",
        name="Vera",
        email="",
        organisation="X",
        roles=(Role.STEWARD,),
        password=PASSWORD,
        with_totp=True,
    )


CHANGES = {
    "disable": (),
    "enable": (),
    "change_roles": ((Role.EVALUATOR,),),
    "reset_password": (NEW,),
    "reset_second_factor": (),
    "renew_training": (TODAY,),
    "record_agreement": (TODAY,),
    "unlock": (),
    "sign_out_everywhere": (),
}


def test_the_right_password_gets_in_and_the_session_is_known_by_its_secret_alone(house):
    person = house.people.authenticate("rosa", PASSWORD)
    secret = house.people.sign_in(person, kind="browser", seconds=60)
    found, session = house.people.signed_in(secret, kinds=("browser",))
    assert found.username == "rosa"
    assert secret not in str(session)
    assert house.people.signed_in(secret, kinds=("token",)) is None
    assert house.people.signed_in(session.id, kinds=("browser",)) is None


def test_a_session_ends_by_time_by_sign_out_and_with_the_account(house):
    person = house.people.authenticate("rosa", PASSWORD)
    by_time = house.people.sign_in(person, kind="browser", seconds=60)
    house.clock.move(seconds=61)
    assert house.people.signed_in(by_time, kinds=("browser",)) is None
    by_hand = house.people.sign_in(person, kind="browser", seconds=60)
    house.people.sign_out(by_hand)
    assert house.people.signed_in(by_hand, kinds=("browser",)) is None
    closed = house.people.sign_in(person, kind="browser", seconds=60)
    house.people.disable(house.actor("sami"), "rosa")
    assert house.people.signed_in(closed, kinds=("browser",)) is None
    with pytest.raises(NotAllowed):
        house.people.authenticate("rosa", PASSWORD)


def test_every_way_of_being_wrong_sounds_the_same_and_is_written_down(house):
    person, sami = vera(house), house.actor("sami")
    totp, now = pyotp.TOTP(person.totp_secret), house.clock.now()
    said = {refused(house, name, word) for name, word in (("rosa", "wrong"), ("nobody", PASSWORD), ("", ""))}
    said |= {
        refused(house, "rosa\x00", PASSWORD),
        refused(house, "rosa", "\ud800"),
        refused(house, "rosa", ""),
    }
    said |= {refused(house, "vera", PASSWORD), refused(house, "vera", PASSWORD, "\ud800é12345")}
    house.people.authenticate("vera", PASSWORD, totp.at(now))
    said.add(refused(house, "vera", PASSWORD, totp.at(now)))
    house.people.disable(sami, "emil")
    said.add(refused(house, "emil", PASSWORD))
    for _ in range(5):
        said.add(refused(house, "olga", "wrong"))
    said.add(refused(house, "olga", PASSWORD))
    assert len(said) == 1
    assert len(log(house, "person:sign_in_fail")) == 16


def test_a_name_that_is_nobodys_is_written_down_without_the_name(house):
    refused(house, "my-password-by-mistake", "x")
    (event,) = log(house, "person:sign_in_fail")
    assert (event.actor, event.subject, dict(event.facts)) == ("service:portal", "person:unknown", {})
    with pytest.raises(Invalid, match="nobody"):
        house.people.create(
            house.actor("sami"), username="unknown", name="", email="", organisation="",
            roles=(Role.RESEARCHER,), password=PASSWORD,
        )  # fmt: skip


@pytest.mark.parametrize("username", ["rosa", "nobody"])
def test_while_a_password_is_looked_at_everybody_else_can_write(house, monkeypatch, username):
    def slow(stored, password):
        with house.kit.write() as uow:  # would wait a minute and fail, were the write lock held
            uow.notify("emil", "Written meanwhile.")
            uow.commit()
        return False

    monkeypatch.setattr(signing_in, "_matches", slow)
    refused(house, username, PASSWORD)
    with house.kit.read() as uow:
        assert len(uow.find(Message, username="emil")) == 1


@pytest.mark.parametrize("meanwhile", ["disable", "reset_password", "lock"])
def test_what_happens_to_the_account_while_its_password_is_looked_at_counts(house, monkeypatch, meanwhile):
    sami, real = house.actor("sami"), signing_in._matches

    def slow(stored, password):
        monkeypatch.setattr(signing_in, "_matches", real)
        if meanwhile == "lock":
            for _ in range(5):
                refused(house, "rosa", "wrong")
        else:
            getattr(house.people, meanwhile)(sami, "rosa", *CHANGES[meanwhile])
        return real(stored, password)

    monkeypatch.setattr(signing_in, "_matches", slow)
    refused(house, "rosa", PASSWORD)
    assert not log(house, "person:sign_in")


@pytest.mark.parametrize("meanwhile", ["disable", "reset_password", "reset_second_factor"])
def test_nobody_gets_a_session_on_what_was_true_a_moment_ago(house, meanwhile):
    person = house.people.authenticate("rosa", PASSWORD)
    getattr(house.people, meanwhile)(house.actor("sami"), "rosa", *CHANGES[meanwhile])
    with pytest.raises(NotAllowed):
        house.people.sign_in(person, kind="browser", seconds=60)


def test_a_code_works_once_and_an_older_one_not_at_all(house):
    totp, now = pyotp.TOTP(vera(house).totp_secret), house.clock.now()
    earlier, this, later = (totp.at(now + timedelta(seconds=s)) for s in (-30, 0, 30))
    house.people.authenticate("vera", PASSWORD, this)
    refused(house, "vera", PASSWORD, this)
    refused(house, "vera", PASSWORD, earlier)
    house.people.authenticate("vera", PASSWORD, later)
    house.clock.move(seconds=30)
    refused(house, "vera", PASSWORD, later)
    house.clock.move(seconds=60)
    house.people.authenticate("vera", PASSWORD, totp.at(house.clock.now()))


def test_a_code_given_with_a_wrong_password_is_not_used_up(house):
    code = pyotp.TOTP(vera(house).totp_secret).at(house.clock.now())
    refused(house, "vera", "wrong", code)
    assert house.people.authenticate("vera", PASSWORD, code).failures == 0


def test_of_many_who_bring_the_same_code_at_once_one_gets_in_and_all_are_counted(any_house):
    code = pyotp.TOTP(vera(any_house).totp_secret).at(any_house.clock.now())

    def attempt(_):
        try:
            any_house.people.authenticate("vera", PASSWORD, code)
        except NotAllowed as error:
            return error.sentence
        return ""

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(attempt, range(4)))
    assert sorted(map(bool, said)) == [False, True, True, True]
    assert len({s for s in said if s}) == 1
    assert len(log(any_house, "person:sign_in_fail")) == 3


def test_guesses_at_once_are_each_counted(any_house):
    with ThreadPoolExecutor(4) as pool:
        said = set(pool.map(lambda _: refused(any_house, "rosa", "wrong"), range(8)))
    assert len(said) == 1
    assert any_house.people.by_username("rosa").failures == 8
    refused(any_house, "rosa", PASSWORD)


def test_guessing_is_slowed_down_even_for_the_right_password(house):
    for _ in range(5):
        with pytest.raises(NotAllowed):
            house.people.authenticate("rosa", "wrong")
    with pytest.raises(NotAllowed):
        house.people.authenticate("rosa", PASSWORD)
    house.clock.move(minutes=16)
    assert house.people.authenticate("rosa", PASSWORD).failures == 0


def test_a_second_factor_is_asked_for_where_there_is_one(house):
    person = vera(house)
    with pytest.raises(NotAllowed):
        house.people.authenticate("vera", PASSWORD)
    code = pyotp.TOTP(person.totp_secret).at(house.clock.now())
    assert house.people.authenticate("vera", PASSWORD, code).username == "vera"


def test_only_a_system_administrator_opens_accounts(house):
    for username in ("rosa", "stefan", "priya", "olga"):
        with pytest.raises(NotAllowed, match="system administrator"):
            house.people.create(
                house.actor(username),
                username="new",
                name="N",
                email="",
                organisation="",
                roles=(Role.RESEARCHER,),
                password=PASSWORD,
            )


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(username=st.text(max_size=40), password=st.text(max_size=11))
def test_bad_accounts_are_refused_with_sentences(house, username, password):
    with pytest.raises(Invalid) as error:
        house.people.create(
            house.actor("sami"),
            username=username,
            name="",
            email="",
            organisation="",
            roles=(Role.RESEARCHER,),
            password=password,
        )
    assert all(p.endswith(".") for p in error.value.problems)


def test_nobody_becomes_a_service_and_no_name_is_used_twice(house):
    sami = house.actor("sami")
    common = {"name": "X", "email": "", "organisation": "", "password": PASSWORD}
    with pytest.raises(Invalid, match="service"):
        house.people.create(sami, username="robot", roles=(Role.SERVICE,), **common)
    with pytest.raises(Conflict):
        house.people.create(sami, username="rosa", roles=(Role.RESEARCHER,), **common)
    with pytest.raises(Invalid, match="at least one role"):
        house.people.create(sami, username="idle", roles=(), **common)


def test_disabling_ends_everything_at_once_and_enabling_brings_nothing_back(any_house):
    house = any_house
    sami, mine, others = house.actor("sami"), open_everywhere(house, "rosa"), open_everywhere(house, "emil")
    assert house.people.disable(sami, "rosa").active is False
    assert alive(house, mine) == [False] * 4
    assert alive(house, others) == [True] * 4
    refused(house, "rosa", PASSWORD)
    with pytest.raises(IllegalMove, match="already"):
        house.people.disable(sami, "rosa")
    house.people.enable(sami, "rosa")
    assert alive(house, mine) == [False] * 4
    with pytest.raises(IllegalMove, match="not disabled"):
        house.people.enable(sami, "rosa")
    assert house.people.authenticate("rosa", PASSWORD).username == "rosa"
    said = [(e.actor, e.subject, dict(e.facts)) for e in log(house, "person:change")]
    assert said == [
        ("sami", "person:rosa", {"what": "disable", "sessions_ended": 4}),
        ("sami", "person:rosa", {"what": "enable", "sessions_ended": 0}),
    ]


@pytest.mark.parametrize(("change", "given_"), [("disable", ()), ("change_roles", ((Role.STEWARD,),))])
def test_a_sealed_session_ends_with_the_account_or_the_role(house, change, given_):
    slug = a_project(house)
    assert house.workspaces.still_admitted("rosa", slug)
    getattr(house.people, change)(house.actor("sami"), "rosa", *given_)
    assert not house.workspaces.still_admitted("rosa", slug)
    with house.kit.read() as uow:
        assert [j.payload for j in uow.find(Job, kind="stop_session")] == [{"user": "rosa", "project": slug}]


def test_nobody_disables_themselves_or_changes_their_own_roles(house):
    sami = house.actor("sami")
    with pytest.raises(NotAllowed, match="own account"):
        house.people.disable(sami, "sami")
    for roles in ((Role.STEWARD,), (Role.SYSTEM_ADMINISTRATOR, Role.AUDITOR), (Role.SYSTEM_ADMINISTRATOR,)):
        with pytest.raises(NotAllowed, match="own roles"):
            house.people.change_roles(sami, "sami", roles)
    assert not log(house, "person:change")


def test_two_administrators_cannot_disable_each_other(house):
    sami = house.actor("sami")
    house.people.change_roles(sami, "olga", [Role.SYSTEM_ADMINISTRATOR])
    olga = house.actor("olga")
    house.people.disable(sami, "olga")
    with pytest.raises(NotAllowed, match="disabled"):
        house.people.disable(olga, "sami")
    assert house.people.by_username("sami").active


def test_changed_roles_count_from_the_next_click_on(house):
    (secret, *_), sami = open_everywhere(house, "rosa"), house.actor("sami")
    done = house.people.change_roles(sami, "rosa", [Role.EVALUATOR, Role.POLICYMAKER, Role.EVALUATOR])
    assert done.roles == (Role.EVALUATOR, Role.POLICYMAKER)
    person, _ = house.people.signed_in(secret, kinds=KINDS)
    assert person.actor().roles == {Role.EVALUATOR, Role.POLICYMAKER}
    with pytest.raises(Invalid, match="service role"):
        house.people.change_roles(sami, "rosa", [Role.RESEARCHER, Role.SERVICE])
    with pytest.raises(Invalid, match="at least one role"):
        house.people.change_roles(sami, "rosa", [])
    (event,) = log(house, "person:change")
    assert dict(event.facts) == {"what": "roles", "roles": ["evaluator", "policymaker"]}


def test_another_password_ends_sessions_and_waiting_and_the_old_password(house):
    mine = open_everywhere(house, "rosa")
    for _ in range(5):
        refused(house, "rosa", "wrong")
    house.people.reset_password(house.actor("sami"), "rosa", NEW)
    assert alive(house, mine) == [False] * 4
    assert house.people.authenticate("rosa", NEW).username == "rosa"
    refused(house, "rosa", PASSWORD)
    with pytest.raises(Invalid, match="12 characters"):
        house.people.reset_password(house.actor("sami"), "rosa", "short")
    with house.kit.read() as uow:
        assert "reset" in uow.find(Message, username="rosa")[-1].sentence


def test_another_second_factor_ends_sessions_and_the_old_one(house):
    old = vera(house).totp_secret
    mine = open_everywhere(house, "vera")
    now = house.clock.now()
    house.people.authenticate("vera", PASSWORD, pyotp.TOTP(old).at(now))
    new = house.people.reset_second_factor(house.actor("sami"), "vera").totp_secret
    assert alive(house, mine) == [False] * 4
    refused(house, "vera", PASSWORD, pyotp.TOTP(old).at(now + timedelta(seconds=30)))
    assert house.people.authenticate("vera", PASSWORD, pyotp.TOTP(new).at(now)).username == "vera"


def test_training_and_agreement_are_renewed_with_days_that_make_sense(house):
    sami, slug = house.actor("sami"), a_project(house)
    house.clock.move(days=150)
    today = house.clock.today()
    with pytest.raises(Invalid, match="run out"):
        house.people.renew_training(sami, "rosa", today - timedelta(days=1))
    with pytest.raises(Invalid, match="not to come"):
        house.people.record_agreement(sami, "rosa", today + timedelta(days=1))
    house.people.renew_training(sami, "rosa", today)
    house.people.record_agreement(sami, "rosa", today)
    assert house.workspaces.still_admitted("rosa", slug)
    house.clock.move(days=1)
    assert not house.workspaces.still_admitted("rosa", slug)
    house.people.renew_training(sami, "rosa", today + timedelta(days=365))
    assert house.workspaces.still_admitted("rosa", slug)
    assert [dict(e.facts) for e in log(house, "person:change")][:2] == [
        {"what": "training", "valid_until": today.isoformat()},
        {"what": "agreement", "signed_on": today.isoformat()},
    ]


def test_a_locked_account_is_unlocked_and_a_lost_laptop_signed_out(house):
    sami = house.actor("sami")
    for _ in range(5):
        refused(house, "rosa", "wrong")
    refused(house, "rosa", PASSWORD)
    house.people.unlock(sami, "rosa")
    assert house.people.authenticate("rosa", PASSWORD).locked_until is None
    mine, others = open_everywhere(house, "rosa"), open_everywhere(house, "emil")
    house.people.sign_out_everywhere(sami, "rosa")
    assert (alive(house, mine), alive(house, others)) == ([False] * 4, [True] * 4)
    assert house.people.authenticate("rosa", PASSWORD).active


@pytest.mark.parametrize("change", CHANGES)
def test_only_who_manages_accounts_changes_one_and_only_one_that_is_there(house, change):
    for person in house.people.everybody(house.actor("sami")):
        if not person.actor().may(Capability.PERSON_MANAGE):
            with pytest.raises(NotAllowed, match="system administrator"):
                getattr(house.people, change)(person.actor(), "rosa", *CHANGES[change])
            with pytest.raises(NotAllowed):
                house.people.everybody(person.actor())
    with pytest.raises(NotFound) as error:
        getattr(house.people, change)(house.actor("sami"), "nobody", *CHANGES[change])
    assert "nobody" not in error.value.sentence
    assert not log(house, "person:change")


def test_every_change_is_in_the_log_and_no_secret_is(house):
    sami, secrets = house.actor("sami"), {PASSWORD, NEW}
    vera(house)
    for change, given_ in CHANGES.items():
        secrets |= set(open_everywhere(house, "vera")) if change != "enable" else set()
        person = getattr(house.people, change)(sami, "vera", *given_)
        secrets |= {
            person.password_hash,
            person.totp_secret,
            pyotp.TOTP(person.totp_secret).at(house.clock.now()),
        }
    assert [e.facts["what"] for e in log(house, "person:change")] == [
        "disable", "enable", "roles", "password", "second_factor", "training", "agreement", "unlock", "sign_out",
    ]  # fmt: skip
    with house.kit.read() as uow:
        written = json.dumps([[e.subject, dict(e.facts)] for e in uow.find(AuditEvent)])
        written += " ".join(m.sentence for m in uow.find(Message))
    assert not [s for s in secrets if s in written]


def test_an_administrator_does_all_of_it_from_the_command_line(house, monkeypatch, capsys):
    import sys

    from enclave.cli import main

    for name, value in {
        "DEMO": "true",
        "STATE_DIR": str(house.root),
        "DATABASE_URL": f"sqlite:///{house.root / 'enclave.sqlite'}",
        "AS": "sami",
        "PASSWORD": PASSWORD,
    }.items():
        monkeypatch.setenv(f"REGISTRY_ENCLAVE_{name}", value)

    def says(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["enclave", "person", *words])
        main()
        return capsys.readouterr().out

    mine = open_everywhere(house, "rosa")
    assert "disabled" in says("disable", "rosa")
    assert alive(house, mine) == [False] * 4
    (line,) = (words for words in map(str.split, says("list").splitlines()) if words[0] == "rosa")
    assert line[:4] == ["rosa", "researcher", "disabled", "no"]
    assert "enabled" in says("enable", "rosa")
    assert "output checker" in says("roles", "rosa", "--role", "output_checker")
    assert "signed out" in says("password", "rosa", "--new-password", NEW)
    assert house.people.authenticate("rosa", NEW).roles == (Role.OUTPUT_CHECKER,)
    assert house.people.by_username("rosa").totp_secret == ""
    shown = says("second-factor", "rosa")
    assert house.people.by_username("rosa").totp_secret in shown
    assert "2099-01-01" in says("training", "rosa", "--valid-until", "2099-01-01")
    assert "2026-05-01" in says("agreement", "rosa", "--signed-on", "2026-05-01")
    assert "may sign in" in says("unlock", "rosa")
    assert "signed out" in says("sign-out", "rosa")
    listed = says("list")
    assert not [secret for secret in house_secrets(house) if secret in listed]
    with pytest.raises(SystemExit) as stopped:
        says("disable", "sami")
    assert stopped.value.code == 11
    with pytest.raises(SystemExit) as stopped:
        says("roles", "rosa", "--role", "king")
    assert stopped.value.code == 2


def house_secrets(house) -> set[str]:
    people = house.people.everybody(house.actor("sami"))
    return {s for p in people for s in (p.password_hash, p.totp_secret) if s}
