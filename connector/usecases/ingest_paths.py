"""The other front door: mails, archives, files and folders into the same core as the invoices from Exact.

Bytes are stored before anything is decided. What a file is, its bytes say; which XML goes with which PDF, its name.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog
from sqlmodel import Session

from connector.errors import InvoiceUnreadable, NotAnInvoice, NothingFound
from connector.identifiers import check_kvk
from connector.ingest.ubl import Reading, read_invoice
from connector.ingest.unpack import LARGEST_CONTAINER, Package, RawFile, is_mail, is_xml, pair, unpack
from connector.invoice import Invoice, InvoiceType
from connector.storage import divisions, envelopes, files, invoices
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.envelopes import Envelope, Origin
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.handling import Handling

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class FileOutcome:
    """What became of one file that was given; without invoices it held none."""

    file: str
    invoices: list[str] = field(default_factory=list)
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Files that belong together: one mail, one archive, or loose files with one stem."""

    paths: tuple[Path, ...]
    origin: Origin
    files: tuple[RawFile, ...]
    message_id: str = ""
    sent_to: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()

    def name_of(self, file: RawFile) -> str:
        """How a file is called for people: its path, or the container's path and its own name."""
        if len(self.paths) == len(self.files):
            return next(str(path) for path, other in zip(self.paths, self.files, strict=True) if other is file)
        return f"{self.paths[0]}: {file.name}"


def ingest_paths(
    database: Database,
    paths: Sequence[Path],
    handling: Handling,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[int], None] = lambda done: None,
) -> list[FileOutcome]:
    """Store every invoice found below `paths`, still undecided; names every file once, in the order of reading.

    Raises:
        NothingFound: A path that does not exist.
    """
    with database.reading() as session:
        connected = divisions.all(session)
    outcomes: list[FileOutcome] = []
    for arrival in arrivals(paths):
        outcomes += _receive(database, arrival, connected, handling, clock)
        progress(len(outcomes))
    log.info("ingest.read", files=len(outcomes), invoices=len({name for o in outcomes for name in o.invoices}))
    return outcomes


def arrivals(paths: Sequence[Path]) -> Iterator[Arrival]:
    """Walk through files and folders, containers one by one, loose files by their stem; each file once.

    Raises:
        NothingFound: A path that does not exist; nothing was read then.
    """
    for path in paths:
        if not path.exists():
            raise NothingFound(f"there is no {path}", hint="name a file or a folder")
    seen: set[Path] = set()
    for path in paths:
        folders = [path] if path.is_dir() else []
        yield from _loose_and_packed([path] if path.is_file() else [], seen)
        while folders:
            folder = folders.pop()
            children = sorted(folder.iterdir())
            folders += [child for child in reversed(children) if child.is_dir() and not child.is_symlink()]
            yield from _loose_and_packed([child for child in children if child.is_file()], seen)


def _loose_and_packed(paths: Sequence[Path], seen: set[Path]) -> Iterator[Arrival]:
    loose: dict[str, list[tuple[Path, RawFile]]] = {}
    for path in paths:
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= LARGEST_CONTAINER else b""
        except OSError as error:
            yield Arrival(paths=(path,), origin=Origin.FILE, files=(), trouble=(f"cannot be read: {error.strerror}",))
            continue
        if size > LARGEST_CONTAINER:
            yield Arrival(paths=(path,), origin=Origin.FILE, files=(), trouble=("larger than we read",))
            continue
        unpacked = unpack(path.name, content)
        if len(unpacked.files) == 1 and unpacked.files[0].content == content:
            loose.setdefault(path.stem.casefold(), []).append((path, unpacked.files[0]))
            continue
        yield Arrival(
            paths=(path,),
            origin=Origin.EMAIL if is_mail(path.name, content) else Origin.FILE,
            files=unpacked.files,
            message_id=unpacked.message_id,
            sent_to=unpacked.sent_to,
            trouble=unpacked.trouble,
        )
    for group in loose.values():
        yield Arrival(
            paths=tuple(path for path, _ in group), origin=Origin.FILE, files=tuple(file for _, file in group)
        )


def _receive(
    database: Database,
    arrival: Arrival,
    connected: Sequence[PinnedDivision],
    handling: Handling,
    clock: Callable[[], datetime],
) -> list[FileOutcome]:
    """Store one arrival with its invoices, in one transaction; nothing is stored of what holds none."""
    read = [(package, _read(package)) for package in pair(arrival.files)]
    found = [(package, reading) for package, reading in read if reading is not None]
    names = [FileOutcome(file=str(path), trouble="; ".join(arrival.trouble)) for path in arrival.paths]
    if not found:
        return names
    now = clock()
    with database.transaction() as session:
        earlier = envelopes.find_by_message_id(session, arrival.message_id) if arrival.message_id else None
        envelope = envelopes.add(
            session,
            origin=arrival.origin,
            message_id=arrival.message_id or None,
            contents=[(file.name, file.content) for file in arrival.files],
            now=now,
        )
        for package, reading in found:
            division = _division_of(arrival, reading, connected, handling)
            stored = _describe(session, envelope, arrival.origin, package, reading, division, now)
            if earlier is not None:
                stored = _as_repeat(stored, earlier)
            invoices.add(session, stored)
            facts = {"file": package.xml.name if package.xml else "", "mail": arrival.message_id}
            invoices.add_event(session, stored.id, "received", facts, now=now)
            _name_files(names, arrival, package, stored.id)
    return names


def _read(package: Package) -> Reading | InvoiceUnreadable | None:
    """Read a package's XML; None when it is no invoice at all."""
    if package.xml is None:
        return None
    try:
        return read_invoice(package.xml.content)
    except NotAnInvoice:
        return None
    except InvoiceUnreadable as error:
        return error


def _name_files(names: list[FileOutcome], arrival: Arrival, package: Package, invoice_id: str) -> None:
    """Say with each given file which invoices it held or belongs to."""
    if len(arrival.paths) == 1:
        names[0].invoices.append(invoice_id)
        return
    inside = [file for file in (package.xml, package.pdf, *package.others) if file is not None]
    for name, file in zip(names, arrival.files, strict=True):
        if any(file is other for other in inside):
            name.invoices.append(invoice_id)


def _division_of(
    arrival: Arrival,
    reading: Reading | InvoiceUnreadable,
    connected: Sequence[PinnedDivision],
    handling: Handling,
) -> PinnedDivision | None:
    """The connected division that this is from: its KvK number as seller, else the upload address it came to."""
    if isinstance(reading, Reading) and reading.invoice.seller.kvk:
        for division in connected:
            if check_kvk(division.kvk).number == reading.invoice.seller.kvk:
                return division
        return None
    for division in connected:
        wanted = handling.wanted.get(division.code)
        if wanted is not None and wanted.upload_address.casefold() in arrival.sent_to:
            return division
    return None


def _describe(
    session: Session,
    envelope: Envelope,
    origin: Origin,
    package: Package,
    reading: Reading | InvoiceUnreadable,
    division: PinnedDivision | None,
    now: datetime,
) -> ReceivedInvoice:
    """A received invoice with what could be read of it."""
    assert package.xml is not None
    read = reading.invoice if isinstance(reading, Reading) else None
    return ReceivedInvoice(
        id=invoices.new_id(now),
        division=division.code if division else None,
        origin=origin,
        envelope_id=envelope.id,
        number=read.number if read else "",
        type=read.type if read else InvoiceType.INVOICE,
        issue_date=read.issue_date if read else None,
        seller_name=read.seller.name if read else "",
        seller_kvk=read.seller.kvk if read else None,
        seller_key=seller_key(read) if read else "",
        buyer_name=read.buyer.name if read else "",
        buyer_kvk=read.buyer.kvk if read else None,
        currency=read.currency if read else "",
        payable=read.payable if read else None,
        format=reading.format if isinstance(reading, Reading) else None,
        xml="received",
        xml_sha256=files.save(session, package.xml.content),
        pdf="attached" if package.pdf else "none",
        pdf_sha256=files.save(session, package.pdf.content) if package.pdf else None,
        extras=tuple((file.name, files.save(session, file.content)) for file in package.others if not is_xml(file)),
        created_at=now,
        updated_at=now,
    )


def seller_key(invoice: Invoice) -> str:
    """The seller as repeats compare it: the best number there is, else the name."""
    seller = invoice.seller
    for scheme, value in (("kvk", seller.kvk), ("oin", seller.oin), ("vat", seller.vat), ("gln", seller.gln)):
        if value:
            return f"{scheme}:{value}"
    return f"name:{seller.name.casefold()}" if seller.name else ""


def _as_repeat(stored: ReceivedInvoice, earlier: Envelope) -> ReceivedInvoice:
    """The same mail came before: kept, and not looked at again."""
    return replace(stored, state=InvoiceState.DUPLICATE, detail=f"the same mail as {earlier.id}")
