"""Faults: each one does what it says over real HTTP, begins and ends when told, and is counted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer, WrongFault
from connector.exact_sandbox.faults import KINDS, Faults

from .helpers import DIVISION, TODAY, Client, Clock

STREAM = "sync/CRM/Accounts"


@pytest.fixture
def faults(client: Client) -> Faults:
    return client.server.state.faults


@pytest.fixture(scope="module")
def wide() -> Iterator[Client]:
    """Three plain pages of customers, the last one full; two pages of the sync stream of invoices."""
    options = SandboxOptions(today=TODAY, clock=Clock(), customers=180, invoices=400, limits=False)
    with SandboxServer(options) as server:
        connected = Client(server)
        yield connected
        connected.http.close()


@pytest.fixture
def pages(wide: Client) -> Iterator[Client]:
    """The same, without faults before and after, and with fresh tokens."""
    wide.server.state.faults.off()
    wide.exchange(wide.code())
    yield wide
    wide.server.state.faults.off()


def stream(client: Client, endpoint: str = STREAM) -> httpx.Response:
    return client.get(endpoint, filter="Timestamp gt 1", select="ID,Timestamp,Division")


def statuses(ask: Callable[[], httpx.Response], times: int) -> list[int]:
    return [ask().status_code for _ in range(times)]


# Which there are


def test_faults_of_the_options_are_on(clock: Clock) -> None:
    """`SandboxOptions(faults=…)` takes several, with and without parameters."""
    with SandboxServer(SandboxOptions(today=TODAY, clock=clock, faults="busy:2, unknown-fields")) as server:
        client = Client(server)
        seen = [client.get("crm/Accounts", top="1") for _ in range(2)]
        client.http.close()

    assert [answer.status_code for answer in seen] == [200, 503]
    assert "AddedSince" in seen[0].json()["d"][0]


def test_a_fault_can_end(client: Client, faults: Faults) -> None:
    """`off` with a name ends that one, without a name all; counting starts anew with `on`."""
    faults.on("busy:1,empty")
    both = client.get("crm/Accounts", top="1")
    faults.off("busy")
    one = client.get("crm/Accounts", top="1")
    faults.off()
    none = client.get("crm/Accounts", top="1")

    assert (both.status_code, one.status_code, one.content, none.json()["d"][0]["ID"] != "") == (503, 200, b"", True)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("slow-tokn", "slow-token"),
        ("busy:3/2", "OFTEN"),
        ("busy:0", "OFTEN"),
        ("slow-token:soon", "SECONDS"),
        ("unknown-fields:3", "unknown-fields"),
        ("refuse:418:crm/Accounts", "STATUS"),
        ("refuse:403", "STATUS"),
        ("refuse:403:crm/Accounts:Whim", "STATUS"),
        ("refuse", "STATUS"),
    ],
)
def test_wrong_faults_name_the_right_ones(written: str, said: str) -> None:
    """What does not exist is refused with the nearest name, what is written wrongly with the right form."""
    with pytest.raises(WrongFault) as caught:
        Faults(written)

    assert said in caught.value.hint


def test_command_refuses_an_unknown_fault() -> None:
    """On the command line an unknown fault is wrong usage, exit 2, with the nearest name and no traceback."""
    ran = subprocess.run(
        [sys.executable, "-m", "connector", "sandbox", "--faults", "lost-post"], capture_output=True, text=True
    )

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "lost-posts" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_command_lists_all_faults() -> None:
    """`--help` has every fault."""
    ran = subprocess.run([sys.executable, "-m", "connector", "sandbox", "--help"], capture_output=True, text=True)

    assert all(kind.written in ran.stdout for kind in KINDS.values())


def test_command_serves_with_faults() -> None:
    """`--faults` may be given several times and is in force from the first call on."""
    command = [sys.executable, "-m", "connector", "sandbox", "--faults", "busy:1", "--faults", "token-500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "ready\n":
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        base = next(line for line in lines if line.startswith("base_url")).split('"')[1]
        seen = [
            httpx.get(f"{base}/api/v1/current/Me").status_code,
            httpx.post(f"{base}/api/oauth2/token").status_code,
        ]
        process.terminate()
        process.wait(10)

    assert seen == [503, 500]


def test_documentation_lists_all_faults() -> None:
    """The page on the sandbox has each fault as it is written, with its default; that on quirks says what it is for."""
    docs = Path(__file__).parents[2] / "docs"
    sandbox, quirks = ((docs / name).read_text("utf-8") for name in ("sandbox.md", "exact-quirks.md"))

    rows = [[cell.strip(" `") for cell in line[1:-1].split("|")] for line in sandbox.splitlines()]
    found = {row[0]: row[1] for row in rows if len(row) == 4}
    assert {kind.written: kind.default or "" for kind in KINDS.values()}.items() <= found.items()
    assert [name for name in KINDS if f"`{name}" not in quirks] == []


# Tokens


def test_slow_token_answer_comes_after_the_token_is_consumed(client: Client, faults: Faults, clock: Clock) -> None:
    """A client that gives up on the answer has lost its chain: the old token is used up."""
    clock.forward(seconds=600)
    faults.on("slow-token:30")
    client.http.timeout = httpx.Timeout(0.5)
    with pytest.raises(httpx.ReadTimeout):
        client.refresh()
    faults.off()

    again = client.refresh()

    assert (again.status_code, again.json()["error_description"]) == (401, "Old refresh token used.")


def test_others_are_served_while_a_token_answer_waits(client: Client, faults: Faults, clock: Clock) -> None:
    """While the answer waits nothing is locked: other calls, the test itself included, go on."""
    clock.forward(seconds=580)
    faults.on("slow-token:30")
    client.http.timeout = httpx.Timeout(0.5)
    with pytest.raises(httpx.ReadTimeout):
        client.refresh()

    answer = client.get("crm/Accounts", top="1")

    assert answer.status_code == 200
    assert len(client.server.state.accounts(DIVISION)) == 40


def test_slow_token_answer_is_good(client: Client, faults: Faults, clock: Clock) -> None:
    """Who waits long enough gets the new pair."""
    clock.forward(seconds=600)
    faults.on("slow-token:0.2")

    answer = client.refresh()

    assert answer.json()["refresh_token"] != client.tokens["refresh_token"]


@pytest.mark.parametrize(("fault", "status"), [("token-500", 500), ("token-empty", 200)])
def test_token_faults_consume_nothing(client: Client, faults: Faults, clock: Clock, fault: str, status: int) -> None:
    """After a fault of the gateway the same refresh token works."""
    clock.forward(seconds=600)
    faults.on(fault)
    broken = client.refresh()
    faults.off()

    again = client.refresh()

    assert (broken.status_code, again.status_code) == (status, 200)
    if fault == "token-500":
        assert broken.json()["fault"]["detail"]["errorcode"] == "steps.extractvariables.ExecutionFailed"
    else:
        assert broken.content == b""


def test_lost_token_answer_consumes(client: Client, faults: Faults, clock: Clock) -> None:
    """The empty body came after the work: the old token is dead, and the new one nobody knows."""
    clock.forward(seconds=600)
    faults.on("token-lost")
    broken = client.refresh()
    faults.off()

    again = client.refresh()

    assert (broken.status_code, broken.content, again.status_code) == (200, b"", 401)


def test_early_refresh_as_in_2021(client: Client, faults: Faults) -> None:
    """The refusal of an early refresh can have the older status and wording, and harms nothing."""
    faults.on("token-early-401")

    answer = client.refresh()

    assert (answer.status_code, answer.json()["error_description"]) == (401, "Access Token not expired")
    assert client.get("crm/Accounts", top="1").status_code == 200


def test_token_dies_between_pages(pages: Client) -> None:
    """The next page is refused once, as for an expired token; after a refresh, which is allowed, it comes."""
    pages.server.state.faults.on("token-dies")
    first = pages.get("crm/Accounts", select="ID").json()["d"]

    refused = pages.http.get(first["__next"])
    pages.tokens = pages.refresh().json()
    pages.http.headers["Authorization"] = f"Bearer {pages.tokens['access_token']}"
    second = pages.http.get(first["__next"])
    third = pages.http.get(second.json()["d"]["__next"])

    assert (refused.status_code, second.status_code, third.status_code) == (401, 200, 401)
    assert "access%20token%20expired" in refused.headers["WWW-Authenticate"]


# Calls


def test_busy_comes_in_bursts(client: Client, faults: Faults) -> None:
    """2/5: the last two of every five calls get 503 with a page, and are not counted against the limits."""
    faults.on("busy:2/5")

    answers = [client.get("crm/Accounts", top="1", select="ID") for _ in range(10)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503] * 2
    assert answers[3].headers["content-type"].startswith("text/html")
    assert answers[7].headers["X-RateLimit-Minutely-Remaining"] == "54"


@pytest.mark.parametrize(
    ("fault", "present", "absent"),
    [
        ("minute-429:3", "X-RateLimit-Minutely-", "X-RateLimit-"),
        ("day-429:3", "X-RateLimit-", "X-RateLimit-Minutely-"),
    ],
)
def test_refused_for_the_rate(client: Client, faults: Faults, fault: str, present: str, absent: str) -> None:
    """Every third call is a 429 with no body and the headers of one family."""
    faults.on(fault)
    assert statuses(lambda: client.get("crm/Accounts", top="1"), 2) == [200, 200]

    refused = client.get("crm/Accounts", top="1")

    assert (refused.status_code, refused.content) == (429, b"")
    assert refused.headers[present + "Remaining"] == "0"
    assert int(refused.headers[present + "Reset"]) > 0
    assert absent + "Reset" not in refused.headers


@pytest.mark.parametrize(
    ("fault", "status", "text", "reason"),
    [
        ("refuse:400:crm/Accounts", 400, "Please add a $select", None),
        ("refuse:403:crm/Accounts", 403, "Application Scope Violated. Cannot read", None),
        ("refuse:403:crm/*:LicenseExpired", 403, "license expired", "LicenseExpired"),
        ("refuse:403:GET:crm/Accounts:BlockedUser", 403, "Forbidden", "BlockedUser"),
        ("refuse:404:crm/Accounts", 404, "not found", None),
        ("refuse:500:crm/Accounts", 500, "A problem has occurred", None),
    ],
)
def test_refused_endpoint(
    client: Client, faults: Faults, fault: str, status: int, text: str, reason: str | None
) -> None:
    """One endpoint is refused with the body and header that belong to it; other endpoints go on."""
    faults.on(fault)

    answer = client.get("crm/Accounts", top="1")

    assert (answer.status_code, answer.headers.get("Reason")) == (status, reason)
    assert text in answer.json()["error"]["message"]["value"]
    assert client.get("salesinvoice/SalesInvoices", top="1").status_code == 200


def test_unauthorised_endpoint_is_not_an_expired_token(client: Client, faults: Faults) -> None:
    """A 401 for a missing right has another text than that of an expired token."""
    faults.on("refuse:401:crm/Accounts")

    answer = client.get("crm/Accounts", top="1")

    assert answer.status_code == 401
    assert "expired" not in answer.headers["WWW-Authenticate"]


def test_refused_method(client: Client, faults: Faults) -> None:
    """A user may read but not write."""
    faults.on("refuse:403:POST:crm/Contacts")

    assert client.send("POST", "crm/Contacts", {}).status_code == 403
    assert client.get("crm/Contacts", top="1").status_code == 200


def test_refused_streams_leave_the_plain_endpoints(client: Client, faults: Faults) -> None:
    """A licence without sync: every sync endpoint is 403, the plain ones work."""
    faults.on("refuse:403:sync/*")

    assert {stream(client, name).status_code for name in (STREAM, "sync/CRM/Contacts", "sync/Deleted")} == {403}
    assert client.get("crm/Accounts", top="1").status_code == 200


def test_refusals_count_as_errors(client: Client, faults: Faults) -> None:
    """Ten refusals block the endpoint: it stays refused when the fault has ended."""
    faults.on("refuse:400:crm/Accounts")
    statuses(lambda: client.get("crm/Accounts", top="1"), 10)
    faults.off()

    assert client.get("crm/Accounts", top="1").status_code == 403


def test_two_refusals_at_once(client: Client, faults: Faults) -> None:
    """`refuse` may be given several times, and one of them taken away."""
    faults.on("refuse:403:crm/Accounts,refuse:404:crm/Contacts")
    faults.off("refuse:403:crm/Accounts")

    assert client.get("crm/Accounts", top="1").status_code == 200
    assert client.get("crm/Contacts", top="1").status_code == 404


def test_html_and_nothing_instead_of_json(client: Client, faults: Faults) -> None:
    """A read can be answered with a page or with nothing, status 200; writes are not."""
    faults.on("html:2")
    page = [client.get("crm/Accounts", top="1") for _ in range(2)][1]
    faults.off()
    faults.on("empty")
    nothing = client.get("crm/Accounts", top="1")
    account = client.server.state.accounts(DIVISION)[0]["ID"]
    made = client.send("POST", "crm/Contacts", {"LastName": "X", "Account": account})

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (nothing.status_code, nothing.content) == (200, b"")
    assert (made.status_code, made.json()["d"]["ID"] != "") == (201, True)


def test_html_instead_of_a_file(client: Client, faults: Faults) -> None:
    """A download with bearer and flag is the log-in page all the same; the API is not touched."""
    url = client.rows("documents/DocumentAttachments", top="1")[0]["Url"] + "&Download=1"
    faults.on("html-file:2")

    kinds = [client.http.get(url).headers["content-type"].partition(";")[0] for _ in range(2)]

    assert kinds[0] in ("application/pdf", "text/xml")
    assert kinds[1] == "text/html"


def test_connection_is_cut_in_the_middle(client: Client, faults: Faults) -> None:
    """Every second read ends after half of the length that was declared."""
    faults.on("cut:2")
    whole = client.get("crm/Accounts", top="1")
    half: list[bytes] = []

    with client.http.stream("GET", f"/api/v1/{DIVISION}/crm/Accounts", params={"$top": "1"}) as cut:  # noqa: SIM117
        with pytest.raises(httpx.RemoteProtocolError):
            half.extend(cut.iter_raw())
    after = client.get("crm/Accounts", top="1")

    assert int(cut.headers["content-length"]) == len(whole.content)
    assert b"".join(half) == whole.content[: len(whole.content) // 2]
    assert after.status_code == 200


def test_download_is_cut(client: Client, faults: Faults) -> None:
    """Files end too early as well."""
    url = client.rows("documents/DocumentAttachments", top="1")[0]["Url"] + "&Download=1"
    faults.on("cut:1")

    with pytest.raises(httpx.RemoteProtocolError):
        client.http.get(url)


def test_lost_post(client: Client, faults: Faults) -> None:
    """The contact is there, and no answer came."""
    account = str(client.server.state.account(DIVISION, 7)["ID"])
    before = len(client.server.state.contacts_of(DIVISION, 7))
    faults.on("lost-posts:2")

    kept = client.send("POST", "crm/Contacts", {"Account": account, "LastName": "Eerste"})
    with pytest.raises(httpx.RemoteProtocolError):
        client.send("POST", "crm/Contacts", {"Account": account, "LastName": "Tweede"})

    assert kept.status_code == 201
    assert len(client.server.state.contacts_of(DIVISION, 7)) == before + 2


def test_refused_post_is_answered(client: Client, faults: Faults) -> None:
    """Only what was carried out is lost; a refusal arrives."""
    faults.on("lost-posts")

    assert client.send("POST", "crm/Contacts", {}).status_code == 500


def test_lost_put_and_delete(client: Client, faults: Faults) -> None:
    """The same with a change and a deletion."""
    contact = client.server.state.contacts_of(DIVISION, 7)[0]["ID"]
    faults.on("lost-puts,lost-deletes")

    with pytest.raises(httpx.RemoteProtocolError):
        client.send("PUT", f"crm/Contacts(guid'{contact}')", {"LastName": "Nieuw"})
    changed = client.server.state.contacts_of(DIVISION, 7)[0]["LastName"]
    with pytest.raises(httpx.RemoteProtocolError):
        client.send("DELETE", f"crm/Contacts(guid'{contact}')")

    assert changed == "Nieuw"
    assert contact not in {row["ID"] for row in client.server.state.contacts_of(DIVISION, 7)}


def test_division_moves_after_some_calls(client: Client, faults: Faults) -> None:
    """At the third call all versions start anew, once, and the division tells."""
    faults.on("division-move:3")

    tops = [max(int(row["Timestamp"]) for row in stream(client).json()["d"]["results"]) for _ in range(4)]

    assert tops[0] == tops[1] > tops[2] == tops[3]
    assert client.rows("system/Divisions", select="DivisionMoveDate")[0]["DivisionMoveDate"]


# Rows


def test_next_page_on_another_host(pages: Client) -> None:
    """`__next` names another host; the rest of the address is as it was."""
    honest = urlsplit(pages.get("crm/Accounts", select="ID").json()["d"]["__next"])
    pages.server.state.faults.on("foreign-next:http://127.0.0.1:9")

    foreign = urlsplit(pages.get("crm/Accounts", select="ID").json()["d"]["__next"])

    assert (foreign.scheme, foreign.netloc) == ("http", "127.0.0.1:9")
    assert foreign[2:] == honest[2:]


def test_full_last_page_leads_to_an_empty_one(pages: Client) -> None:
    """180 rows are three full pages; the third has a `__next` and the fourth is empty."""
    pages.server.state.faults.on("empty-last-page")

    sizes, url = [], f"/api/v1/{DIVISION}/crm/Accounts?$select=ID"
    while url:
        data = pages.http.get(url).json()["d"]
        sizes.append(len(data["results"]))
        url = data.get("__next", "")

    assert sizes == [60, 60, 60, 0]


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        ("crm/Accounts", {"select": "ID", "orderby": "Modified"}),
        ("sync/SalesInvoice/SalesInvoices", {"select": "ID", "filter": "Timestamp gt 1"}),
    ],
)
def test_rows_repeat_over_the_border_of_a_page(pages: Client, endpoint: str, options: dict[str, str]) -> None:
    """The row that ended a page begins the next one too, and nothing is missing."""
    whole = [row["ID"] for row in pages.rows(endpoint, **options)]
    pages.server.state.faults.on("repeated-rows")

    first = pages.get(endpoint, **options).json()["d"]
    second = pages.http.get(first["__next"]).json()["d"]["results"]
    found = [row["ID"] for row in pages.rows(endpoint, **options)]

    assert second[0]["ID"] == first["results"][-1]["ID"]
    assert (set(found), len(found) > len(whole)) == (set(whole), True)


def test_older_version_comes_behind_the_newer(client: Client, faults: Faults) -> None:
    """A changed card is in the stream twice: first as it is, then as it was, with its lower version."""
    before = client.server.state.account(DIVISION, 7)
    after = client.server.state.ui_change_account(DIVISION, 7, Phone="085-5550000")
    faults.on("old-versions")

    rows = client.rows(STREAM, filter="Timestamp gt 1", select="ID,Phone,Timestamp")
    late = client.rows(STREAM, filter=f"Timestamp gt {before['Timestamp']}", select="ID,Timestamp")

    mine = [(row["Phone"], int(row["Timestamp"])) for row in rows if row["ID"] == before["ID"]]
    assert mine == [("085-5550000", after["Timestamp"]), (before["Phone"], before["Timestamp"])]
    assert [row["Timestamp"] for row in late if row["ID"] == before["ID"]] == [str(after["Timestamp"])]


def test_older_version_of_an_invoice(client: Client, faults: Faults) -> None:
    """In the flat stream the older header comes back as well."""
    header = next(row for row in client.server.state.rows(DIVISION, "invoices") if row["InvoiceNumber"])
    client.server.state.ui_change_invoice(DIVISION, int(str(header["InvoiceNumber"])), YourRef="nieuw")
    faults.on("old-versions")

    rows = client.rows(
        "sync/SalesInvoice/SalesInvoices", filter="Timestamp gt 1", select="ID,InvoiceID,LineNumber,YourRef"
    )

    mine = [row["YourRef"] for row in rows if row["InvoiceID"] == header["InvoiceID"] and row["LineNumber"] == 0]
    assert mine == ["nieuw", header["YourRef"]]


def test_stream_reads_empty(client: Client, faults: Faults) -> None:
    """The named stream gives nothing, others go on."""
    faults.on(f"empty-stream:{STREAM}")

    assert stream(client).json()["d"] == {"results": []}
    assert len(stream(client, "sync/CRM/Contacts").json()["d"]["results"]) > 0


def test_unknown_fields(client: Client, faults: Faults) -> None:
    """Rows of lists, streams and single reads have fields that nobody asked for."""
    faults.on("unknown-fields")
    account = client.server.state.account(DIVISION, 7)["ID"]

    bodies = [
        client.get("crm/Accounts", top="1", select="ID").json()["d"][0],
        stream(client).json()["d"]["results"][0],
        client.get(f"crm/Accounts(guid'{account}')", select="ID").json()["d"],
    ]

    assert all(isinstance(row["AddedToo"], dict) and row["AddedSince"] for row in bodies)


@pytest.mark.parametrize(
    ("field", "plain", "changed"),
    [("Division", DIVISION, str(DIVISION)), ("Blocked", False, "false"), ("Country", "NL ", {"value": "NL "})],
)
def test_changed_type(client: Client, faults: Faults, field: str, plain: Any, changed: Any) -> None:
    """A number or a boolean becomes text, a text an object."""
    only = {"filter": "Status eq 'C' and Blocked eq false and Country eq 'NL '", "select": field, "top": "1"}
    before = client.get("crm/Accounts", **only).json()["d"][0][field]
    faults.on(f"changed-type:{field}")

    after = client.get("crm/Accounts", **only).json()["d"][0][field]

    assert (before, after) == (plain, changed)
