"""Rows out of CLIXML, which PowerShell's Export-Clixml and dbatools' `-ExportPath` write.

Each value is an element named for its type, with its name in N. What matters here: an object's own
text is its ToString (LSNs are objects whose text is the number), a list's first entry stands for a
striped backup's files, and a size is an object with a property Byte. A Ref names an object that was
written before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

from dr_sim.importers.cells import Row, error, folded

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DEEPEST = 12  # objects in objects: a backup's file list is four deep
_LISTS = ("LST", "IE", "QUE", "STK")
_MEMBERS = ("Props", "MS")


def is_clixml(text: str) -> bool:
    return text.lstrip()[:1] == "<"


def clixml_rows(text: str, file: str) -> list[Row]:
    """The backups in a CLIXML file. Raises InputError if it is none."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise error(
            file,
            "holds XML declarations that PowerShell never writes: export it anew with "
            "Export-Clixml",
        )
    try:
        root = ElementTree.fromstring(text.lstrip())
    except (ElementTree.ParseError, ValueError, RecursionError) as wrong:
        raise error(file, f"is not valid XML: {wrong}") from None
    if _tag(root) != "Objs":
        raise error(
            file,
            f"is XML, but no CLIXML: its root is {_tag(root)[:40]!r}, Objs is needed",
        )
    reader = _Reader()
    found: list[object] = []
    for element in root:
        value = reader.value(element, 0, is_row=True)
        found.extend(value if isinstance(value, list) else [value])
    rows: list[Row] = []
    for number, row in enumerate(found, 1):
        if not isinstance(row, Mapping):
            raise error(
                file,
                f"backup {number} is {str(row)[:40]!r}, an object with properties is needed",
            )
        rows.append((0, folded(row)))
    return rows


class _Reader:
    """Objects by the number under which they are referred to."""

    def __init__(self) -> None:
        self.by_id: dict[str, object] = {}

    def value(
        self, element: ElementTree.Element, depth: int, is_row: bool = False
    ) -> object:
        """A value; is_row: it is a backup, or a list of them, and no value that has a text of its
        own.
        """
        tag = _tag(element)
        if tag == "Nil" or depth > _DEEPEST:
            return None
        if tag == "Ref":
            return self.by_id.get(element.get("RefId", ""))
        if tag == "Obj":
            found = self._object(element, depth, is_row)
            self.by_id[element.get("RefId", "")] = found
            return found
        text = _unescaped(element.text or "")
        return text == "true" if tag == "B" else text

    def _object(
        self, element: ElementTree.Element, depth: int, is_row: bool
    ) -> object:
        members: dict[str, object] = {}
        text: str | None = None
        for child in element:
            tag = _tag(child)
            if tag in _LISTS:
                return [
                    self.value(each, depth + 1, is_row) for each in child
                ]
            if tag == "ToString":
                text = _unescaped(child.text or "")
            elif tag in _MEMBERS:
                for member in child:
                    members[_unescaped(member.get("N", ""))] = self.value(
                        member, depth + 1
                    )
            elif tag not in ("TN", "TNRef", "DCT", "Obj", "Ref"):
                text = _unescaped(
                    child.text or ""
                )  # a simple value with notes attached
        if (is_row and members) or any(
            key.lower() == "byte" for key in members
        ):
            return members
        return text if text is not None else members


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
