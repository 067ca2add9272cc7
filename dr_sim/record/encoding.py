"""How a record keeps the fields of events and commands that are no plain numbers and texts.

Each such type has one text, and is read back from it: an enum its value, a reason its words, a list
or a dict a JSON text. Numbers stay numbers. A text that is of no such value raises ValueError.
The lists and dicts of the cloud manager's events are in cloud_encoding.py.
"""

from __future__ import annotations

import enum
import json
from itertools import chain
from typing import Any

from dr_sim.backups.model import BackupHeader, RestoreState
from dr_sim.record.cloud_encoding import CLOUD_CODECS
from dr_sim.record.codec import Codec, checked
from dr_sim.recovery.commands import PageReason
from dr_sim.recovery.events import FoundFile
from dr_sim.recovery.failover.policy import Offer
from dr_sim.recovery.repair.refusals import OrderRefused, Refused
from dr_sim.recovery.saved import (
    header_from_text,
    header_text,
    object_of,
    of_type,
)

_LINE = "\n"


def codec_of(hint: Any) -> Codec | None:
    """Return how a field of that type is kept; None if it is a number or a text as it stands."""
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return Codec(str, hint)
    return _CODECS.get(hint)


# ---- pairs of texts (SaveAll)
def pairs_text(pairs: tuple[tuple[str, str], ...]) -> str:
    """Return pairs of texts as a record keeps them: each text on a line of its own, after an empty
    line; as JSON, [[key, value], ...], if a text has several lines.
    """
    text = _LINE + _LINE.join(chain.from_iterable(pairs))
    if pairs and text.count(_LINE) == 2 * len(pairs):
        return text
    return json.dumps(pairs)


def _pairs(found: Any) -> tuple[tuple[str, str], ...]:
    pairs = []
    for key, value in of_type(found, list):
        pairs.append((of_type(key, str), of_type(value, str)))
    return tuple(pairs)


_pairs_of_json = checked(_pairs)


def pairs_from_text(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of which that is the text. Raises ValueError."""
    if not text.startswith(_LINE):
        pairs: tuple[tuple[str, str], ...] = _pairs_of_json(text)
        return pairs
    _, *texts = text.split(_LINE)
    return tuple(zip(texts[::2], texts[1::2], strict=True))


# ---- names
def _names_text(names: tuple[str, ...]) -> str:
    return json.dumps(names, ensure_ascii=False)


def _names(found: Any) -> tuple[str, ...]:
    return tuple(of_type(name, str) for name in of_type(found, list))


# ---- instants by name
def _instants(found: Any) -> dict[str, int]:
    return {
        name: of_type(at, int) for name, at in of_type(found, dict).items()
    }


# ---- headers by name
def _headers_text(headers: dict[str, BackupHeader]) -> str:
    texts = {name: header_text(header) for name, header in headers.items()}
    return json.dumps(texts, ensure_ascii=False)


def _headers(found: Any) -> dict[str, BackupHeader]:
    return {
        name: header_from_text(text)
        for name, text in of_type(found, dict).items()
    }


# ---- copies and files (Inventory)
_STATE = {
    "fork": int,
    "redo_lsn": int,
    "differential_base_lsn": int,
    "restoring": bool,
    "exists": bool,
}


def _states_text(states: dict[str, RestoreState]) -> str:
    return json.dumps(
        {
            database: _state_values(state)
            for database, state in states.items()
        }
    )


def _state_values(state: RestoreState) -> dict[str, Any]:
    return {key: getattr(state, key) for key in _STATE}


def _states(found: Any) -> dict[str, RestoreState]:
    states = {}
    for database, values in of_type(found, dict).items():
        states[database] = RestoreState(
            **object_of(json.dumps(values), _STATE)
        )
    return states


def _files_text(files: dict[str, tuple[FoundFile, ...]]) -> str:
    listed = {}
    for database, there in files.items():
        listed[database] = [
            [file.name, file.modified_utc_us, file.size_bytes]
            for file in there
        ]
    return json.dumps(listed)


def _files(found: Any) -> dict[str, tuple[FoundFile, ...]]:
    files = {}
    for database, there in of_type(found, dict).items():
        listed = []
        for name, modified_utc_us, size_bytes in of_type(there, list):
            listed.append(
                FoundFile(
                    of_type(name, str),
                    of_type(modified_utc_us, int),
                    of_type(size_bytes, int),
                )
            )
        files[database] = tuple(listed)
    return files


# ---- offers
_OFFER = {
    "place": str,
    "rank": int,
    "open": bool,
    "holds_until_utc_us": int,
    "takes_us": int,
}


def _offers_text(offers: tuple[Offer, ...]) -> str:
    values = [_offer_values(offer) for offer in offers]
    return json.dumps(values, ensure_ascii=False)


def _offer_values(offer: Offer) -> dict[str, Any]:
    return {key: getattr(offer, key) for key in _OFFER}


def _offers(found: Any) -> tuple[Offer, ...]:
    return tuple(
        Offer(**object_of(json.dumps(one), _OFFER))
        for one in of_type(found, list)
    )


_CODECS: dict[Any, Codec] = {
    **CLOUD_CODECS,
    tuple[tuple[str, str], ...]: Codec(pairs_text, pairs_from_text),
    tuple[str, ...]: Codec(_names_text, checked(_names)),
    dict[str, int]: Codec(json.dumps, checked(_instants)),
    dict[str, BackupHeader]: Codec(_headers_text, checked(_headers)),
    dict[str, RestoreState]: Codec(_states_text, checked(_states)),
    dict[str, tuple[FoundFile, ...]]: Codec(_files_text, checked(_files)),
    tuple[Offer, ...]: Codec(_offers_text, checked(_offers)),
    Refused: Codec(lambda reason: reason.words, Refused.from_words),
    OrderRefused: Codec(
        lambda reason: reason.words, OrderRefused.from_words
    ),
    PageReason: Codec(lambda reason: reason.words, PageReason.from_words),
}
"""By type, as typing.get_type_hints gives it."""
