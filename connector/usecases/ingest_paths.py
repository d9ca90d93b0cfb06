"""The other front door: mails, archives, files and folders into the same core as the invoices from Exact.

Bytes are stored before anything is decided. What a file is, its bytes say; which XML goes with which PDF, its name.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog
from sqlmodel import Session

from connector.errors import InvoiceUnreadable, NotAnInvoice, NothingFound
from connector.identifiers import check_kvk
from connector.ingest.ubl import Reading, read_invoice
from connector.ingest.unpack import LARGEST_CONTAINER, Package, RawFile, is_mail, is_xml, pair, unpack
from connector.invoice import InvoiceType
from connector.storage import divisions, envelopes, files, invoices
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.envelopes import Envelope, Origin
from connector.storage.invoices import ReceivedInvoice
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
    yield from _of_one_place([path for path in paths if path.is_file()], seen)
    for path in paths:
        folders = [path] if path.is_dir() else []
        while folders:
            folder = folders.pop()
            children = sorted(folder.iterdir())
            is_maildir = {"new", "cur", "tmp"} <= {child.name for child in children if child.is_dir()}
            folders += [
                child
                for child in reversed(children)
                # a Maildir's tmp holds mails that are still being written
                if child.is_dir() and not child.is_symlink() and not (is_maildir and child.name == "tmp")
            ]
            # a link could lead anywhere, and what it leads to would be mailed; links named outright are followed
            yield from _of_one_place([child for child in children if child.is_file() and not child.is_symlink()], seen)


def _of_one_place(paths: Sequence[Path], seen: set[Path]) -> Iterator[Arrival]:
    """Files that were named together or lie in one folder: those of one folder and stem belong together."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            groups.setdefault((real.parent, path.stem.casefold()), []).append(path)
    for group in groups.values():
        yield from _loose_and_packed(group)


def _loose_and_packed(paths: Sequence[Path]) -> Iterator[Arrival]:
    """Containers one by one, the loose files of the group as one arrival."""
    loose: list[tuple[Path, RawFile]] = []
    for path in paths:
        content = _read_file(path)
        if isinstance(content, str):
            yield Arrival(paths=(path,), origin=Origin.FILE, files=(), trouble=(content,))
            continue
        unpacked = unpack(path.name, content)
        if len(unpacked.files) == 1 and unpacked.files[0].content == content and not unpacked.trouble:
            loose.append((path, unpacked.files[0]))
            continue
        yield Arrival(
            paths=(path,),
            origin=Origin.EMAIL if is_mail(path.name, content) else Origin.FILE,
            files=unpacked.files,
            message_id=unpacked.message_id,
            sent_to=unpacked.sent_to,
            trouble=unpacked.trouble,
        )
    if loose:
        yield Arrival(
            paths=tuple(path for path, _ in loose), origin=Origin.FILE, files=tuple(file for _, file in loose)
        )


def _read_file(path: Path) -> bytes | str:
    """The bytes of a file, or in words why not."""
    try:
        if path.stat().st_size > LARGEST_CONTAINER:
            return "larger than we read"
        return path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _receive(
    database: Database,
    arrival: Arrival,
    connected: Sequence[PinnedDivision],
    handling: Handling,
    clock: Callable[[], datetime],
) -> list[FileOutcome]:
    """Store one arrival with its invoices, in one transaction; nothing is stored of what holds none."""
    read = [(package, _read(package)) for package in pair(arrival.files)]
    found = [(package, reading) for package, reading in read if isinstance(reading, Reading | InvoiceUnreadable)]
    others = [
        f"{package.xml.name}: {reading.message}"
        for package, reading in read
        if package.xml is not None and isinstance(reading, NotAnInvoice)
    ]
    trouble = "; ".join((*arrival.trouble, *others))
    names = [FileOutcome(file=str(path), trouble=trouble) for path in arrival.paths]
    if not found:
        return names
    now = clock()
    with database.transaction() as session:
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
            invoices.add(session, stored)
            facts = {"file": package.xml.name if package.xml else "", "mail": arrival.message_id}
            invoices.add_event(session, stored.id, "received", facts, now=now)
            _name_files(names, arrival, package, stored.id)
    return names


def _read(package: Package) -> Reading | InvoiceUnreadable | NotAnInvoice | None:
    """Read a package's XML; None when it has none."""
    if package.xml is None:
        return None
    try:
        return read_invoice(package.xml.content)
    except (NotAnInvoice, InvoiceUnreadable) as error:
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
    """The connected division that this is from: by its KvK number as seller, or by the upload address it came to.

    Of several divisions with one number (one company, several administrations) the upload address decides; without
    one none does.
    """
    came_to = [division for division in connected if _upload_address(division, handling) in arrival.sent_to]
    seller_kvk = reading.invoice.seller.kvk if isinstance(reading, Reading) else None
    if seller_kvk is None:
        return came_to[0] if len(came_to) == 1 else None
    sellers = [division for division in connected if check_kvk(division.kvk).number == seller_kvk]
    both = [division for division in sellers if division in came_to]
    chosen = both or sellers
    return chosen[0] if len(chosen) == 1 else None


def _upload_address(division: PinnedDivision, handling: Handling) -> str | None:
    wanted = handling.wanted.get(division.code)
    return wanted.upload_address.casefold() if wanted is not None else None


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
        seller_key=read.seller.key if read else "",
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
