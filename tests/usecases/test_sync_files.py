"""Files of invoices that Exact does not give: what waits for them, what goes on without them, and who is told."""

from __future__ import annotations

import pytest

from connector.errors import ExactRateLimited, ExactRejected, ExactUnavailable
from connector.exact.budget import ERRORS_PER_HOUR
from connector.storage import documents
from connector.usecases.keep_token import NoTokenNow

from .office import DIVISION, START, Office, OpenOffice


def test_false_pdf_is_not_sent_along(open_office: OpenOffice) -> None:
    """What Exact gives as a PDF and is none goes nowhere: the mail has a rendering in its place."""
    office = open_office(customers=12, invoices=20)
    broken = b"Runtime Error: the document cannot be shown"
    contents = office.server.state.contents
    contents.update({key: (name, broken) for key, (name, _) in contents.items() if name.lower().endswith(".pdf")})
    office.sync()

    office.work()

    sent = [content for mail in office.mails() for content in mail.attachments().values()]
    assert sent
    assert broken not in sent
    assert {stored.pdf for stored in office.all_invoices() if stored.state == "delivered"} == {"rendered"}


def with_files(office: Office, ending: str = "") -> set[int]:
    """The finished invoices since the start date that have files of this kind."""
    return {
        document.invoice.number
        for document in office.world.division(DIVISION).documents
        if document.invoice.invoice_date >= START and document.invoice.number
        if any(file.file_name.lower().endswith(ending) for file in document.attachments)
    }


def taken(office: Office) -> set[int]:
    return {int(stored.number) for stored in office.all_invoices()}


def refusals(office: Office) -> set[int]:
    """How often the files were refused, by our count."""
    with office.database.reading() as session:
        return set(session.connection().execute(documents.ATTACHMENTS.select()).scalars("tries"))


@pytest.mark.parametrize("fault", ["refuse:503:docs/SysAttachment.aspx", "html-file"])
def test_outage_is_no_refusal(open_office: OpenOffice, fault: str) -> None:
    """For days Exact gives no file: the invoices that have some wait, which is told each time, and then go whole."""
    office = open_office(customers=12, invoices=20)
    office.server.state.faults.on(fault)
    reports = []
    for _ in range(5):
        reports.append(office.try_sync())
        office.work()
        office.clock.forward(days=1)
    too_early = taken(office) & with_files(office)
    office.server.state.faults.off()

    office.sync()
    office.work()

    assert not too_early
    assert refusals(office) == {0}
    assert [[type(trouble) for trouble in report.troubles] for report in reports] == [[ExactUnavailable]] * 5
    assert "their invoices wait" in reports[0].troubles[0].message
    stored = {int(each.number): each for each in office.all_invoices()}
    assert {stored[number].pdf for number in with_files(office, ".pdf")} == {"attached"}
    assert {stored[number].xml for number in with_files(office, ".xml")} == {"attached"}


def test_file_is_asked_for_again_by_the_next_sync(open_office: OpenOffice) -> None:
    """A quarter of an hour after an outage the files are fetched."""
    office = open_office(faults="html-file")
    troubled = office.try_sync()
    office.server.state.faults.off()
    office.clock.forward(minutes=15)

    report = office.sync()

    assert troubled.fetched == 0 < report.fetched
    assert report.troubles == []


def test_without_a_token_no_file_is_put_off(open_office: OpenOffice) -> None:
    """When no token is to be had, Exact was asked for no file: the sync ends there, and the next one asks at once."""
    office = open_office(token_life=300)
    office.server.reset_calls()

    def expire(stream: str, rows: int) -> None:
        if stream == "Deleted":
            office.server.state.faults.on("token-500")
            office.clock.forward(seconds=400)

    stopped = office.try_sync(progress=expire)
    asked = office.server.calls(DIVISION, "GET", "docs/SysAttachment.aspx")
    with office.database.reading() as session:
        waiting = documents.unfetched(session, DIVISION, START, now=office.clock())

    assert isinstance(stopped.error, NoTokenNow)
    assert asked == 0
    assert {file.tries for file in waiting} == {0}


def break_files(office: Office, status: int) -> None:
    office.server.state.faults.on(f"refuse:{status}:docs/SysAttachment.aspx")


@pytest.mark.parametrize("status", [403, 404])
def test_refused_files_keep_no_other_invoice_back(open_office: OpenOffice, status: int) -> None:
    """When so many files are refused that they are not asked for any more, invoices without files go out at once."""
    office = open_office(customers=12, invoices=60)
    break_files(office, status)
    files = with_files(office)

    report = office.sync()
    office.work()

    assert office.server.calls(DIVISION, "GET", "docs/SysAttachment.aspx") == ERRORS_PER_HOUR
    assert ExactRateLimited in {type(trouble) for trouble in report.troubles}
    assert set(office.expected_numbers("deliver")) - files
    assert set(office.expected_numbers("deliver")) - files <= taken(office)
    assert files - taken(office)


def test_missing_file_is_given_up_at_once(open_office: OpenOffice) -> None:
    """A file that Exact says is not there is asked for once; that is told once, and its invoice goes on."""
    office = open_office(customers=3, invoices=3)
    break_files(office, 404)

    first = office.sync()
    office.work()
    asked = office.server.calls(DIVISION, "GET", "docs/SysAttachment.aspx")
    office.clock.forward(days=3)
    second = office.sync()

    assert 0 < asked < ERRORS_PER_HOUR
    assert [type(trouble) for trouble in first.troubles] == [ExactRejected]
    assert first.troubles[0].message.startswith(f"{asked} file")
    assert second.errors == []
    assert office.server.calls(DIVISION, "GET", "docs/SysAttachment.aspx") == asked
    assert with_files(office) <= taken(office)


def test_refused_file_is_given_up_after_three_times(open_office: OpenOffice) -> None:
    """A file that is not for us is asked for after one and six hours more; until then its invoice waits."""
    office = open_office(customers=3, invoices=3)
    break_files(office, 403)
    waiting, troubles = [], []
    for hours in (0, 1, 6):
        office.clock.forward(hours=hours, minutes=1)
        troubles.append([type(trouble) for trouble in office.sync().troubles])
        office.work()
        waiting.append(bool(with_files(office) - taken(office)))

    assert waiting == [True, True, False]
    assert troubles == [[ExactUnavailable], [ExactUnavailable], [ExactRejected]]


def test_spent_day_ends_the_sync(open_office: OpenOffice) -> None:
    """When the day's calls are spent among the files, the sync says so: it did not come to its end."""
    office = open_office(customers=6, invoices=6)

    def spend(stream: str, rows: int) -> None:
        if stream == "Deleted":
            office.server.state.faults.on("day-429:1")

    report = office.try_sync(progress=spend)

    assert isinstance(report.error, ExactRateLimited)
    assert report.troubles == []
