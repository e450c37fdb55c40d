"""Files are whole or absent."""

from __future__ import annotations

import gzip
import os
import resource
import stat

import numpy as np
import pytest

from qat_kit.errors import DataError, OutputError
from qat_kit.files import gzip_size, read_text, remove_partial, replacing, sha256, write_bytes, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_text(tmp_path / "note.txt", "old")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        fail_half_way()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]


def test_the_file_is_on_the_disk_before_it_has_its_name_and_the_name_after(tmp_path, monkeypatch):
    path, seen, fsync = tmp_path / "note.txt", [], os.fsync

    def watched(descriptor):
        fsync(descriptor)
        seen.append(("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file", path.exists()))

    monkeypatch.setattr(os, "fsync", watched)
    write_text(path, "text")
    assert seen == [("file", False), ("folder", True)]


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    with replacing(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_bytes(b"x")


def test_a_full_disk_is_an_output_error_and_nothing_is_left(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"could not write .*model\.tflite"):
            write_bytes(tmp_path / "model.tflite", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not write"):
        write_text(tmp_path / "file" / "note.txt", "text")


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".model.123.partial.tflite").write_bytes(b"half")
    (tmp_path / "model.tflite").write_bytes(b"whole")
    remove_partial(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.tflite"]


def test_reading_says_which_file_and_why(tmp_path):
    with pytest.raises(DataError, match=r"could not read .*absent\.json: No such file"):
        read_text(tmp_path / "absent.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a text file"):
        read_text(tmp_path / "binary")


def test_sha256_is_the_standard_one():
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_parts_compress_to_what_gzip_makes_of_the_whole():
    """Text that repeats over the seam of two parts, and noise: the figure is gzip's own to a thousandth."""
    random = np.random.default_rng(0)
    words = [random.bytes(6) for _ in range(500)]
    text = b"".join(words[index] for index in random.integers(0, 500, 1_000_000))
    for data in (text, random.bytes(5 << 20)):
        whole = len(gzip.compress(data, 6))
        assert abs(gzip_size(data) - whole) <= whole / 1000
