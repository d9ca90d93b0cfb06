"""The office hears once of a connection that is lost or about to be, and idle ones are renewed every week."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage

import pytest

from connector.errors import AuthorizationLost, ConnectorError, ExactUnavailable
from connector.exact_sandbox import ReceivedMail
from connector.storage import connections
from connector.storage.connections import Connection
from connector.usecases.keep_token import renew_idle

from .office import DIVISION, NOTIFY, Office, OpenOffice

TOKEN_CALL = (None, "POST", "oauth2/token")
TOKEN_LIFE = timedelta(minutes=10)


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """A connected office."""
    return open_office(customers=1, invoices=0)


def connection(office: Office) -> Connection:
    with office.database.reading() as session:
        return connections.all(session)[0]


def use(office: Office) -> None:
    """Ask for an access token as a sync does."""
    office.wiring.token_keeper(connection(office).id)()


def lose(office: Office) -> None:
    """Let the refresh token be one that was used before, and find it out."""
    chain = office.server.state.office.chains[-1]
    chain.used.append(chain.refresh_token)
    office.clock.forward(seconds=TOKEN_LIFE.total_seconds() + 1)
    with pytest.raises(AuthorizationLost):
        use(office)


def keep_alive(office: Office) -> list[ConnectorError]:
    """What the service does every hour."""
    exact = office.wiring.settings.exact
    return renew_idle(
        office.database,
        office.wiring.token_keeper,
        base_url=exact.site,
        client_id=exact.client_id,
        now=office.clock(),
    )


def refuse_app(office: Office) -> str:
    """Let Exact refuse every renewal from now on, though the tokens are good; returns the right secret."""
    right = office.server.state.office.client_secret
    office.server.state.office.client_secret = "changed"
    return right


def told(office: Office) -> list[ReceivedMail]:
    """The notices that arrive when two rounds of deliveries are made now."""
    before = len(office.notices())
    office.deliver()
    office.deliver()
    return office.notices()[before:]


def words(mail: ReceivedMail) -> str:
    """Subject and text, with line breaks as spaces."""
    message = mail.message
    assert isinstance(message, EmailMessage)
    return " ".join(f"{message['Subject']} {message.get_content()}".split())


def test_lost_connection_is_told_once(office: Office) -> None:
    """One mail with the division, the cause and the command, and no other one however often it is tried."""
    lose(office)

    first = told(office)
    office.clock.forward(days=1)
    with pytest.raises(AuthorizationLost):
        use(office)

    assert len(first) == 1
    assert [part in words(first[0]) for part in (str(DIVISION), "al is gebruikt", "connector connect")] == [True] * 3
    assert told(office) == []


def test_notice_cannot_come_back(office: Office) -> None:
    """The mail has no envelope sender, says that a program made it and names no invoice; it goes to mail.notify."""
    lose(office)

    mail = told(office)[0]

    assert mail.sender.strip("<>") == ""
    assert mail.recipients == (NOTIFY,)
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["X-Connector-Invoice"] is None


def test_without_notify_the_division_is_told(office: Office) -> None:
    """Where nobody is named in mail.notify, the division's own address in Exact gets the mail."""
    lose(office)

    office.deliver(notify=())

    assert [mail.recipients for mail in office.notices()] == [(office.division.email,)]


def test_nobody_is_told_where_nothing_leaves(office: Office) -> None:
    """With routing.deliver = none no mail leaves at all; it follows when that changes."""
    lose(office)

    office.deliver(deliver="none")
    quiet = office.notices()

    assert (quiet, len(told(office))) == ([], 1)


def test_next_loss_is_told_again(office: Office) -> None:
    """After connecting again a second loss is a new incident with a mail of its own."""
    lose(office)
    first = told(office)
    office.connect()
    between = told(office)
    lose(office)

    second = told(office)

    assert (len(first), between, len(second)) == (1, [], 1)
    assert first[0].message["Message-ID"] != second[0].message["Message-ID"]


def test_mail_speaks_the_language_of_the_installation(office: Office) -> None:
    """With English as the language the same facts come in English."""
    lose(office)

    office.deliver(language="en")

    assert "The connection was used elsewhere" in words(office.notices()[0])


def test_warned_at_14_7_and_3_days(office: Office) -> None:
    """A connection that cannot be renewed is told of once at 14, at 7 and at 3 days left, and not between."""
    refuse_app(office)
    days = []
    for day in range(1, 30):
        office.clock.forward(days=1)
        keep_alive(office)
        days += [(30 - day, words(mail)) for mail in told(office)]

    assert [left for left, _ in days] == [14, 7, 3]
    assert all(f"over {left} dagen" in text for left, text in days)


def test_late_start_warns_once(office: Office) -> None:
    """Who was away for long and cannot renew gets one mail and not three."""
    refuse_app(office)
    office.clock.forward(days=28)
    keep_alive(office)

    assert len(told(office)) == 1


def test_start_after_a_holiday_is_no_alarm(office: Office) -> None:
    """Nothing is told before a renewal was tried, nor after it has succeeded."""
    office.clock.forward(days=17)
    before = told(office)
    keep_alive(office)

    assert (before, told(office)) == ([], [])


def test_each_company_hears_of_itself_only(open_office: OpenOffice) -> None:
    """Where the divisions' own addresses get the mail, none of them reads of another company."""
    office = open_office(customers=1, invoices=0, divisions=2)
    office.connect(DIVISION, DIVISION + 1)
    lose(office)

    office.deliver(notify=())

    mails = {mail.recipients: words(mail) for mail in office.notices()}
    pinned = {(division.email,): division for division in office.wiring.pinned()}
    assert mails.keys() == pinned.keys()
    for address, text in mails.items():
        assert [str(other.code) in text for other in pinned.values()] == [
            other is pinned[address] for other in pinned.values()
        ]


def test_renewal_ends_the_incident(office: Office) -> None:
    """After a renewal there is nothing to tell, and the next idle fortnight is told anew."""
    right = refuse_app(office)
    office.clock.forward(days=17)
    keep_alive(office)
    first = told(office)
    office.server.state.office.client_secret = right
    office.clock.forward(hours=1)
    use(office)
    renewed = told(office)
    refuse_app(office)
    office.clock.forward(days=17)
    keep_alive(office)

    assert (len(first), renewed, len(told(office))) == (1, [], 1)


def test_idle_connection_lives_on(office: Office) -> None:
    """Looked at every hour for a hundred days without any use, it is renewed once a week and never warned of."""
    office.server.reset_calls()
    for _ in range(100 * 24):
        office.clock.forward(hours=1)
        assert keep_alive(office) == []

    assert office.server.calls(*TOKEN_CALL) == 100 // 7
    assert told(office) == []
    use(office)


def test_failing_renewal_is_told_with_its_reason(office: Office) -> None:
    """A connection whose renewals fail for a fortnight is warned of with what Exact did."""
    office.clock.forward(days=8)
    refuse_app(office)
    errors = keep_alive(office)
    office.clock.forward(days=9)

    mails = told(office)

    assert [type(error).__mro__[1] for error in errors] == [ExactUnavailable]
    assert ["herkent het client-ID" in words(mail) for mail in mails] == [True]


def test_lost_one_is_left_alone(office: Office) -> None:
    """Nothing is asked for a connection that waits for a person."""
    lose(office)
    office.clock.forward(days=8)
    office.server.reset_calls()

    assert keep_alive(office) == []
    assert office.server.calls_total == 0
