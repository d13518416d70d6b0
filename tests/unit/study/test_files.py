"""A file is whole or not there, whatever stops its writing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from attribution.errors import OutputError
from attribution.study.files import write_whole

REMEDY = "make room"


def test_a_file_is_written_as_it_stands_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock.json"
    write_whole(path, "å\r\n−\n", what="the lock", remedy=REMEDY)
    assert path.read_bytes() == "å\r\n−\n".encode()
    write_whole(path, "b", what="the lock", remedy=REMEDY)
    assert path.read_text(encoding="utf-8") == "b"
    assert [one.name for one in path.parent.iterdir()] == ["lock.json"]


@pytest.mark.parametrize("call", ["os.fsync", "tempfile.mkstemp", "pathlib.Path.replace"])
def test_what_was_there_is_as_it_was(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock.json"
    path.write_text("old", encoding="utf-8")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(call, refuse)
    with pytest.raises(OutputError, match="cannot write the lock: No space left") as caught:
        write_whole(path, "new", what="the lock", remedy=REMEDY)
    assert caught.value.remedy == "make room; what was there is as it was"
    assert path.read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["lock.json"]
