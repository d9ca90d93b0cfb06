"""When Exact, the mail server or another process is in the way: the right exit code, and nothing lost or done twice."""

from __future__ import annotations

import json

import pytest

from connector.errors import AuthorizationLost, ExactUnavailable
from connector.exact_sandbox import Mailbox, SandboxServer
from connector.storage import connections, deliveries, invoices
from connector.storage.invoices import InvoiceState

from .installation import Ended, Installation, delivered, free_port, mailed_numbers, running


def is_one_sentence(ended: Ended) -> bool:
    return len(ended.errors) == 1 and len(ended.hints) <= 1


def test_unreachable_exact_is_exit_4(connected: Installation, exact: SandboxServer) -> None:
    """Exact that cannot be reached: try later."""
    exact.stop()

    ended = connected.run("sync", "--json")

    assert (ended.code, is_one_sentence(ended)) == (4, True), ended
    assert ended.json["divisions"][0]["error"]


def test_revoked_consent_is_exit_3(connected: Installation, exact: SandboxServer) -> None:
    """Consent that was withdrawn in Exact: believed when the second attempt says the same, then a person has to act."""
    exact.state.revoke_consent()

    doubted = connected.run("sync")
    connected.end_pause()
    ended = connected.run("sync")

    assert (doubted.code, ended.code) == (4, 3)
    assert is_one_sentence(ended)
    assert "connector connect" in ended.hints[0]


def test_doubt_is_shown_with_the_next_attempt(connected: Installation, exact: SandboxServer) -> None:
    """Until then nobody asks Exact again, and `connections` and `doctor` say what is the matter and until when."""
    exact.state.revoke_consent()
    connected.run("sync")
    calls = exact.calls(None, "POST", "oauth2/token")

    ended = connected.run("sync")
    shown = connected.run("connections")
    entry = connected.run("connections", "--json").json["connections"][0]
    check = checks_of(connected)["connection"]

    assert (ended.code, exact.calls(None, "POST", "oauth2/token") - calls) == (4, 0)
    assert (entry["state"], entry["trouble"]) == ("active", "refused")
    minute = entry["retry_at"].replace("T", " ")[:16]
    assert minute in ended.hints[0]
    assert minute in shown.out
    assert "refuses to renew" in shown.out
    assert check["status"] == "warning"
    assert minute in check["remedy"]


def checks_of(installation: Installation) -> dict[str, dict[str, str]]:
    """What `doctor` found, by the first word of its name; of several the last."""
    return {check["name"].split()[0]: check for check in installation.run("doctor", "--json").json["checks"]}


def test_restored_database_is_exit_3(connected: Installation, exact: SandboxServer) -> None:
    """A database behind its fence is told by `doctor` before anything is tried; a sync stops with one sentence."""
    with connected.wiring() as wiring, wiring.database.reading() as session:
        fence = connections.all(session)[0].fence
    (connected.folder / f"connector.key.fence-{fence}").write_text("9\n", encoding="ascii")
    exact.state.office.chains[-1].access.clear()  # so that a renewal is wanted
    calls = exact.calls(None, "POST", "oauth2/token")
    check = checks_of(connected)["connection"]

    ended = connected.run("sync")

    assert (check["status"], "restored" in check["message"]) == ("error", True)
    assert (ended.code, is_one_sentence(ended), "(restored)" in ended.errors[0]) == (3, True, True), ended
    assert exact.calls(None, "POST", "oauth2/token") == calls


def test_folder_without_room_for_fences_is_told(connected: Installation) -> None:
    """`doctor` warns where the folder of the key file is not there or cannot be written."""
    connected.settings["storage"] = {"secret_key_file": "nowhere/connector.key"}
    connected.write()

    checks = connected.run("doctor", "--json", env={"CONNECTOR_SECRET_KEY": connected.key}).json["checks"]

    assert [check["status"] for check in checks if check["name"] == "fences"] == ["warning"]


def test_lost_connection_is_shown_with_its_cause(lost: Installation) -> None:
    """After a lost authorisation `connections` says so, and why: a word for programs and sentences for people."""
    entry = lost.run("connections", "--json").json["connections"][0]
    shown = lost.run("--lang", "nl", "connections")

    assert (entry["state"], entry["cause"]) == ("needs_person", "invalid_grant")
    assert "De toestemming geldt niet meer" in shown.out
    assert "connector connect" in shown.out


def test_connecting_again_revives_a_lost_connection(lost: Installation) -> None:
    """Connecting again as the same user brings the connection back with its division."""
    lost.connect()

    assert lost.run("sync").code == 0


@pytest.fixture
def lost(connected: Installation) -> Installation:
    """An installation whose consent was withdrawn, and which knows that."""
    connected.server.state.revoke_consent()
    with connected.wiring() as wiring:
        keeper = wiring.exact(wiring.pinned()[0])
        for error in (ExactUnavailable, AuthorizationLost):
            with pytest.raises(error):
                keeper.read_all("crm/Accounts", select=["ID"])
            connected.end_pause()
    return connected


def test_pass_without_exact_still_delivers_what_waits(connected: Installation, mailbox: Mailbox) -> None:
    """One pass whose mails were deferred, then one without Exact: the mails go all the same."""
    mailbox.answer = "451 later"
    connected.make_pass()
    mailbox.answer = "250 OK"
    retry_now(connected)
    connected.server.stop()

    ended = connected.run("run", "--once", "--json")

    assert ended.code == 4
    assert mailed_numbers(mailbox.messages()) == dict.fromkeys(delivered(connected.expected()), 1)


def retry_now(installation: Installation) -> None:
    """Make waiting deliveries due now, as if their time had come."""
    with installation.wiring() as wiring, wiring.database.transaction() as session:
        for stored in invoices.all(session, state=InvoiceState.ROUTED):
            deliveries.requeue(session, stored.id, now=wiring.clock())


def test_absent_mail_server_is_exit_4_and_loses_nothing(connected: Installation, mailbox: Mailbox) -> None:
    """Without a mail server every invoice stays due; nothing is held or failed for it."""
    connected.change("mail", port=free_port())

    ended = connected.run("run", "--once", "--json")

    assert (ended.code, is_one_sentence(ended)) == (4, True), ended
    assert ended.json["routed"] == len(delivered(connected.expected()))
    assert (ended.json["delivered"], ended.json["failed"]) == (0, 0)


def test_what_a_mail_server_refused_for_now_is_delivered_later(connected: Installation, mailbox: Mailbox) -> None:
    """After `retry` the invoices that were deferred arrive, once each."""
    mailbox.answer = "451 later"
    connected.make_pass()
    mailbox.answer = "250 OK"
    ids = [connected.id_of(number) for number in delivered(connected.expected())]

    ended = connected.run("invoices", "retry", *ids, "--json")

    assert ended.code == 0
    assert mailed_numbers(mailbox.messages()) == dict.fromkeys(delivered(connected.expected()), 1)


def test_refused_recipient_fails_that_invoice_only(connected: Installation, mailbox: Mailbox) -> None:
    """A recipient whom the mail server refuses for good: that invoice is failed (exit 1), the others arrive."""
    refused = next(number for number in sorted(delivered(connected.expected())))
    address = connected.expected()[refused].address
    assert address is not None
    mailbox.recipient_answers[address] = "550 nobody here"
    theirs = {number for number, one in connected.expected().items() if one.address == address}

    ended = connected.run("run", "--once", "--json")

    assert (ended.code, ended.json["failed"]) == (1, len(theirs))
    assert set(mailed_numbers(mailbox.messages())) == delivered(connected.expected()) - theirs


def test_dropped_line_is_never_sent_again_by_itself(connected: Installation, mailbox: Mailbox) -> None:
    """A line that drops after the body leaves the invoices uncertain; the next pass does not repeat them."""
    mailbox.drop_after_data = True
    first = connected.run("run", "--once", "--json").json
    mailbox.drop_after_data = False

    second = connected.run("run", "--once", "--json")

    assert first["uncertain"] == len(delivered(connected.expected()))
    assert second.code == 0
    assert set(mailed_numbers(mailbox.messages()).values()) == {1}


def test_second_service_is_exit_4(connected: Installation) -> None:
    """A second `run` on the same database ends at once and says that another is at it."""
    with running("run", folder=connected.folder) as first:
        assert first.stderr is not None
        assert any("scheduler.started" in line for line in first.stderr)

        ended = connected.run("--quiet", "run")

    assert (ended.code, is_one_sentence(ended)) == (4, True), ended


def test_second_pass_is_kept_out_of_what_the_first_does(connected: Installation) -> None:
    """Two passes at once: the one that comes too late says so or finds nothing left; no invoice is mailed twice."""
    with running("run", "--once", folder=connected.folder) as first:
        second = connected.run("run", "--once")
        first.communicate(timeout=60)

    assert {first.returncode, second.code} <= {0, 4}
    assert set(mailed_numbers(connected.mailbox.messages()).values()) == {1}


def test_setup_without_yes_and_without_terminal_does_nothing(synced: Installation, exact: SandboxServer) -> None:
    """`setup apply` that cannot ask ends with exit 2 and no call to Exact."""
    exact.reset_calls()

    ended = synced.run("setup", "apply")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert exact.calls_total == 0


def test_undo_without_yes_and_without_terminal_does_nothing(synced: Installation, exact: SandboxServer) -> None:
    """`setup undo` that cannot ask ends with exit 2 and no call to Exact."""
    assert synced.run("setup", "apply", "--yes", "--limit", "2").code == 0
    exact.reset_calls()

    ended = synced.run("setup", "undo")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert exact.calls_total == 0


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"version": 99, "plans": []}',
        '{"version": 1, "plans": [{"division": 123456}]}',
    ],
)
def test_damaged_plan_is_refused(synced: Installation, content: str) -> None:
    """A plan file that is none ends with exit 2 and how to make one."""
    (synced.folder / "plan.json").write_text(content)

    ended = synced.run("setup", "apply", "plan.json", "--yes")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert "setup plan --out" in ended.hints[0]


def test_plan_for_another_address_is_refused(synced: Installation, exact: SandboxServer) -> None:
    """A plan that was made for another upload address is not applied."""
    assert synced.run("setup", "plan", "--out", "plan.json").code == 0
    synced.change("setup", upload_address="00000000000000000000@uploads.is")
    exact.reset_calls()

    ended = synced.run("setup", "apply", "plan.json", "--yes")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert exact.calls_total == 0


def test_plan_that_would_write_other_fields_is_refused(synced: Installation, exact: SandboxServer) -> None:
    """A plan file that was edited to write what is not ours is not applied."""
    assert synced.run("setup", "plan", "--out", "plan.json").code == 0
    plan = json.loads((synced.folder / "plan.json").read_text())
    plan["plans"][0]["changes"][0]["after"]["IBAN"] = "NL00BANK0123456789"
    (synced.folder / "plan.json").write_text(json.dumps(plan))
    exact.reset_calls()

    ended = synced.run("setup", "apply", "plan.json", "--yes")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert exact.calls_total == 0
