"""What a workbook may come to when it is unpacked, looked at before anything is built from it.

A few hundred kilobytes can hold thirty million cells or styles. Everything is read here once as a stream and only
counted; what the cells say is `sheet`'s affair.
"""

import zipfile
from xml.parsers import expat

from connector.errors import WrongUsage

MOST_UNPACKED = 200 * 1024 * 1024
"""Bytes of all files in a workbook together; a report of 5,000 customers unpacks to 4 MB."""
MOST_IN_ONE = 64 * 1024 * 1024
MOST_FOLDED = 200
"""How many times smaller a file of more than `SMALL` bytes may be packed; sheets come to 10 to 25 times."""
SMALL = 1024 * 1024
MOST_ROWS = 100_000
MOST_CELLS = 2_000_000
MOST_CELLS_IN_ROW = 16_384
"""As many columns as Excel has."""
MOST_TEXTS = 500_000
MOST_OTHERS = 200_000
"""Elements beside rows and texts: styles, columns, settings. Excel has at most 65,490 cell styles."""
MOST_IN_TEXT = 10_000
"""Elements within one text of many looks."""
CHUNK = 256 * 1024
_ROW, _CELL, _TEXT = "row", "c", "si"
_HINT = "save it anew from Excel with the list alone in it"


def too_large(size: int, *, what: str = "file", most: int) -> WrongUsage:
    """The error for a file that is not read."""
    return WrongUsage(
        f"the {what} has {size // 1024 // 1024} MB, at most {most // 1024 // 1024} are read",
        hint="give the list that `connector audit kvk --format xlsx` wrote, filled in",
    )


def too_many_rows() -> WrongUsage:
    """The error for a list that goes on and on."""
    return WrongUsage(f"the list has more than {MOST_ROWS} rows", hint="remove the empty rows below it")


def require_ordinary(archive: zipfile.ZipFile) -> None:
    """Look at every file in a workbook.

    Raises:
        WrongUsage: It comes to more than any list of customers; the message says of what.
        expat.ExpatError, zipfile.BadZipFile: It is damaged.
    """
    members = archive.infolist()
    unpacked = sum(each.file_size for each in members)
    if unpacked > MOST_UNPACKED:
        raise too_large(unpacked, what="unpacked file", most=MOST_UNPACKED)
    for each in members:
        if each.file_size > MOST_IN_ONE:
            raise too_large(each.file_size, what=f"unpacked {each.filename}", most=MOST_IN_ONE)
        if each.file_size > SMALL and each.file_size > MOST_FOLDED * each.compress_size:
            raise WrongUsage(f"{each.filename} in this Excel file is packed suspiciously small", hint=_HINT)
    for each in members:
        if each.filename.endswith((".xml", ".rels")):
            with archive.open(each) as member:
                _Counting(each.filename).read(member)


class _Counting:
    """Counts the elements of one file, and stops where there are too many."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = self._cells = self._in_row = self._texts = self._in_text = self._others = 0
        self._inside: str = ""
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def read(self, member: zipfile.ZipExtFile | object) -> None:
        """Read to the end."""
        while data := member.read(CHUNK):  # type: ignore[union-attr]  # what archive.open gives
            self._parser.Parse(data, False)
        self._parser.Parse(b"", True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if self._inside == _ROW:
            if name == _CELL:
                self._in_row += 1
                self._cells += 1
                if self._in_row > MOST_CELLS_IN_ROW or self._cells > MOST_CELLS:
                    raise self._too_many("cells")
        elif self._inside == _TEXT:
            self._in_text += 1
            if self._in_text > MOST_IN_TEXT:
                raise self._too_many("parts of a text")
        elif name == _ROW:
            self._inside, self._in_row = _ROW, 0
            self._rows += 1
            if self._rows > MOST_ROWS or _number(attributes.get("r", "")) > MOST_ROWS:
                raise too_many_rows()
        elif name == _TEXT:
            self._inside, self._in_text = _TEXT, 0
            self._texts += 1
            if self._texts > MOST_TEXTS:
                raise self._too_many("texts")
        else:
            self._others += 1
            if self._others > MOST_OTHERS:
                raise self._too_many("styles and settings")

    def _end(self, tag: str) -> None:
        if tag.rpartition(" ")[2] == self._inside:
            self._inside = ""

    def _too_many(self, what: str) -> WrongUsage:
        return WrongUsage(f"{self._name} in this Excel file has too many {what}", hint=_HINT)

    def _refuse_doctype(self, *_: object) -> None:
        raise expat.ExpatError("a document type has no place in a workbook")


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else MOST_ROWS + bool(text)
