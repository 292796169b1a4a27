"""Pulumi archives as zip bytes."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from pulumi import Archive, AssetArchive, FileArchive, FileAsset, RemoteAsset, StringAsset

from rehearsal.provision.archives import ArchiveError, zip_archive


def files(archive: Archive) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(zip_archive(archive))) as content:
        return {name: content.read(name) for name in content.namelist()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / "a.py").write_text("a")
    (tmp_path / "top.py").write_text("top")
    return tmp_path


def test_texts_files_and_folders_keep_their_places(folder: Path) -> None:
    archive = AssetArchive(
        {
            "text.py": StringAsset("text"),
            "file.py": FileAsset(str(folder / "top.py")),
            "folder": FileArchive(str(folder)),
            "nested": AssetArchive({"x/y.py": StringAsset("y")}),
        }
    )
    assert files(archive) == {
        "file.py": b"top",
        "folder/ml/a.py": b"a",
        "folder/top.py": b"top",
        "nested/x/y.py": b"y",
        "text.py": b"text",
    }


def test_folder_is_an_archive_and_so_is_a_zip(folder: Path) -> None:
    assert files(FileArchive(str(folder))) == {"ml/a.py": b"a", "top.py": b"top"}
    (folder / "ready.zip").write_bytes(b"as it is")
    assert zip_archive(FileArchive(str(folder / "ready.zip"))) == b"as it is"


def test_same_content_gives_the_same_bytes_whatever_the_order_and_the_files_times(folder: Path) -> None:
    def archive(*names: str) -> AssetArchive:
        return AssetArchive({name: FileAsset(str(folder / name)) for name in names})

    before = zip_archive(archive("top.py", "ml/a.py"))
    os.utime(folder / "top.py", (0, 1_000_000_000))
    (folder / "top.py").chmod(0o700)
    assert zip_archive(archive("ml/a.py", "top.py")) == before


@pytest.mark.parametrize(
    "archive",
    [
        AssetArchive({"a.py": FileAsset("gone.py")}),
        AssetArchive({"a": FileArchive("gone")}),
        AssetArchive({"a.py": RemoteAsset("https://example.com/a.py")}),
    ],
    ids=["file", "folder", "remote"],
)
def test_what_cannot_be_read_is_named(archive: AssetArchive) -> None:
    with pytest.raises(ArchiveError, match=r"^a(\.py)?: nothing to read at (gone|RemoteAsset)"):
        zip_archive(archive)
