"""The queue of files that wait to be sent."""

from __future__ import annotations

from typing import Any

from dr_sim.world.link.send_queue import SendQueue


class _File:
    """A file that must not be compared with others: there may be hundreds of thousands."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the queue was gone through")

    __hash__ = None  # type: ignore[assignment]


def _files(number: int) -> list[Any]:
    return [_File(i) for i in range(number)]


def test_whether_a_file_waits_is_known_without_going_through_the_queue() -> None:
    files = _files(4)
    queue = SendQueue()
    queue.add(files[1])
    queue.add(files[2])
    queue.add_first(files[0])
    assert [file.number for file in queue.files] == [0, 1, 2]
    assert [file in queue for file in files] == [True, True, True, False]


def test_a_file_that_is_taken_out_waits_no_longer() -> None:
    files = _files(3)
    queue = SendQueue()
    queue.put(files)
    queue.remove(1)
    assert [file in queue for file in files] == [True, False, True]
    queue.put(files[1:])
    assert [file in queue for file in files] == [False, True, True]
    queue.clear()
    assert not queue.files
    assert not any(file in queue for file in files)
