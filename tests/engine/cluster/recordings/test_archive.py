"""A recording's files come out of a folder or an archive as they are; hostile and broken ones are refused with the file named."""

from __future__ import annotations

import gzip
import io
import os
import random
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.recordings import files_of, pod, tar_of, write_folder

from engine.cluster.recordings.archive import BrokenRecording, Limits, open_archive

FILES = files_of({"core/v1/pods/Pod": [pod("a")]}, logs={"shop/a/app.log": "2026-03-01T09:59:30Z hello\n"})


def packed(tmp_path: Path, data: bytes, name: str = "r.tar.gz") -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


@pytest.mark.parametrize(
    ("top", "mode"), [("", "w"), ("recording/", "w"), ("./", "w:gz"), ("./recording/", "w:gz"), ("recording/", "w:gz")]
)
def test_an_archive_opens_with_and_without_a_folder_around_it(tmp_path: Path, top: str, mode: str) -> None:
    archive = open_archive(packed(tmp_path, tar_of(FILES, top=top, mode=mode)))
    assert sorted(archive.names()) == sorted(FILES)
    assert archive.read("logs/shop/a/app.log") == b"2026-03-01T09:59:30Z hello\n"
    assert archive.read("logs/shop/a/other.log") is None


@pytest.mark.parametrize("inner", ["", "recording"])
def test_a_folder_opens_with_and_without_a_folder_around_it(tmp_path: Path, inner: str) -> None:
    write_folder(tmp_path / "r" / inner, FILES)
    archive = open_archive(tmp_path / "r")
    assert sorted(archive.names()) == sorted(FILES)
    assert archive.json("version.json")["gitVersion"] == "v1.36.2"


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_what_repeats_the_resources_in_other_words_is_not_read(tmp_path: Path, form: str) -> None:
    files = {**FILES, "dump/json/nodes.json": b"{}", "tables/pods.txt": b"x", "describe/pods.txt": b"x", "logs/tables/p/c.log": b"kept"}
    path = write_folder(tmp_path / "r", files) if form == "folder" else packed(tmp_path, tar_of(files))
    names = set(open_archive(path).names())
    assert "logs/tables/p/c.log" in names
    assert not {name for name in names if name.startswith(("dump", "tables", "describe"))}


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (member("../outside.json"), "points outside"),
        (member("recording/../../outside.json"), "points outside"),
        (member("/etc/cron.d/x"), "points outside"),
        (member("recording\\..\\x"), "points outside"),
        (member("recording/link", tarfile.SYMTYPE, link="/etc/passwd"), "is a link"),
        (member("recording/hard", tarfile.LNKTYPE, link="recording/meta.json"), "is a link"),
        (member("recording/dev", tarfile.CHRTYPE), "neither a file nor a folder"),
        (member("recording/pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (member("recording/" + "d/" * 40 + "x"), "folders deep"),
    ],
    ids=lambda value: value.name if isinstance(value, tarfile.TarInfo) else "",
)
def test_members_that_no_recording_has_are_refused_by_name(tmp_path: Path, extra: tarfile.TarInfo, says: str) -> None:
    with pytest.raises(BrokenRecording, match=says) as caught:
        open_archive(packed(tmp_path, tar_of(FILES, extra=[extra])))
    assert extra.name.split("/")[-1].replace("\\", "")[:4] in str(caught.value).replace("\\", "")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "is a link"),
        (lambda path: path.symlink_to("/etc", target_is_directory=True), "is a link"),
        (os.mkfifo, "is neither a file nor a folder"),
    ],
    ids=["link to a file", "link to a folder", "pipe"],
)
def test_a_folder_with_a_link_or_a_pipe_in_it_is_refused(tmp_path: Path, make: Callable[[Path], None], says: str) -> None:
    write_folder(tmp_path / "r", FILES)
    make(tmp_path / "r" / "logs" / "shop" / "odd")
    with pytest.raises(BrokenRecording, match=f"logs/shop/odd {says}"):
        open_archive(tmp_path / "r")


def test_sizes_are_limited_by_file_by_sum_and_by_count(tmp_path: Path) -> None:
    path = packed(tmp_path, tar_of({**FILES, "logs/shop/a/b.log": b"x" * 5000, "logs/shop/a/c.log": b"y" * 5000}))
    with pytest.raises(BrokenRecording, match=r"b\.log claims 5,000 bytes"):
        open_archive(path, limits=Limits(file_bytes=4000))
    with pytest.raises(BrokenRecording, match="more than 8,000 bytes"):
        open_archive(path, limits=Limits(total_bytes=8000))
    with pytest.raises(BrokenRecording, match="more than 3 files"):
        open_archive(path, limits=Limits(files=3))
    folder = write_folder(tmp_path / "r", {**FILES, "logs/shop/a/b.log": b"x" * 5000})
    with pytest.raises(BrokenRecording, match=r"b\.log claims 5,000 bytes"):
        open_archive(folder, limits=Limits(file_bytes=4000))


def test_ten_gigabytes_of_zeros_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    header = member("recording/logs/zeros.log", size=10 * 1024**3).tobuf()
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as stream:
        stream.write(header)
        stream.write(b"\0" * 1024 * 1024)
    with pytest.raises(BrokenRecording, match=r"logs/zeros.log claims 10,737,418,240 bytes"):
        open_archive(packed(tmp_path, out.getvalue()))


def test_a_bomb_in_a_members_attributes_is_refused_without_filling_the_memory(tmp_path: Path) -> None:
    size = 300 * 1024 * 1024
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as stream:
        stream.write(member("recording/attributes", tarfile.XHDTYPE, size=size).tobuf())
        for _ in range(size // (4 * 1024 * 1024)):
            stream.write(b"\0" * 4 * 1024 * 1024)
    path = packed(tmp_path, out.getvalue())
    tracemalloc.start()
    try:
        with pytest.raises(BrokenRecording, match="too large"):
            open_archive(path)
        assert tracemalloc.get_traced_memory()[1] < 40 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_gzip_file_that_breaks_off_is_named(tmp_path: Path, keep: float) -> None:
    data = tar_of({**FILES, "logs/shop/a/noise.log": random.Random(7).randbytes(50_000)})
    with pytest.raises(BrokenRecording, match=r"^r\.tar\.gz is not a whole gzip file"):
        open_archive(packed(tmp_path, data[: int(len(data) * keep)]))


def test_a_gzip_file_with_wrong_bytes_in_it_is_named(tmp_path: Path) -> None:
    data = bytearray(tar_of({**FILES, "logs/shop/a/noise.log": random.Random(7).randbytes(50_000)}))
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff" * 200
    with pytest.raises(BrokenRecording, match=r"^r\.tar\.gz is not a"):
        open_archive(packed(tmp_path, bytes(data)))


def test_a_wrong_byte_in_a_text_is_found_by_the_checksum(tmp_path: Path) -> None:
    whole = gzip.compress(tar_of(FILES, mode="w"), compresslevel=0)
    with pytest.raises(BrokenRecording, match=r"^r\.tar\.gz is not a whole gzip file: CRC check failed"):
        open_archive(packed(tmp_path, whole.replace(b"hello", b"hallo")))
    with pytest.raises(BrokenRecording, match=r"^r\.tar\.gz is not a whole gzip file"):
        open_archive(packed(tmp_path, whole[:-4]))


def test_zeros_behind_the_end_of_an_archive_are_not_read_on_and_on(tmp_path: Path) -> None:
    path = packed(tmp_path, gzip.compress(tar_of(FILES, mode="w") + bytes(32 * 1024 * 1024), compresslevel=1))
    with pytest.raises(BrokenRecording, match=r"^r\.tar\.gz is not a tar archive: the headers between its files are too large"):
        open_archive(path)


def test_files_that_are_no_recording_are_refused_with_a_way_on(tmp_path: Path) -> None:
    with pytest.raises(BrokenRecording, match=r"is not a tar archive"):
        open_archive(packed(tmp_path, b"dear all,\n" * 100, "notes.txt"))
    with pytest.raises(BrokenRecording, match="does not exist"):
        open_archive(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrokenRecording, match=r"meta\.json is missing.*snapshot record"):
        open_archive(tmp_path / "empty")


def test_packed_documents_are_unpacked_within_the_limit(tmp_path: Path) -> None:
    files = {**FILES, "openapi/v3/api__v1.json.gz": gzip.compress(b'{"a":1}'), "openapi/v3/big.json.gz": gzip.compress(b"0" * 100_000)}
    files["openapi/v3/torn.json.gz"] = gzip.compress(b"0" * 1000)[:-12]
    archive = open_archive(packed(tmp_path, tar_of(files)), limits=Limits(file_bytes=50_000))
    assert archive.inflate("openapi/v3/api__v1.json") == b'{"a":1}'
    assert archive.inflate("openapi/v3/none.json") is None
    with pytest.raises(BrokenRecording, match=r"big\.json\.gz holds more"):
        archive.inflate("openapi/v3/big.json")
    with pytest.raises(BrokenRecording, match=r"torn\.json\.gz is not a whole gzip"):
        archive.inflate("openapi/v3/torn.json")


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.REGTYPE], ids=["folders", "links", "empty files"])
def test_a_huge_number_of_members_is_refused(tmp_path: Path, kind: bytes) -> None:
    extra = [member(f"recording/m{number}", kind, link="meta.json") for number in range(300)]
    with pytest.raises(BrokenRecording, match=r"r\.tar\.gz: it holds more than 200 files \(at recording/m200\)"):
        open_archive(packed(tmp_path, tar_of(FILES, extra=extra)), limits=Limits(files=200))


def test_a_folder_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "r", {**FILES, "logs/" + "d/" * 40 + "x.log": b""})
    with pytest.raises(BrokenRecording, match="folders deep"):
        open_archive(tmp_path / "r")


def zipped(tmp_path: Path, members: dict[str, bytes], *, mode: int = 0, compress: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(tmp_path / "r.zip", "w", compress) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr, member.compress_type = mode << 16, compress
            archive.writestr(member, data)
    return tmp_path / "r.zip"


@pytest.mark.parametrize("top", ["", "recording/"])
def test_a_zip_archive_opens(tmp_path: Path, top: str) -> None:
    archive = open_archive(zipped(tmp_path, {top + name: data for name, data in FILES.items()} | ({top: b""} if top else {})))
    assert {name: archive.read(name) for name in archive.names()} == FILES


@pytest.mark.parametrize(
    ("name", "mode", "says"),
    [
        ("../evil", 0, "points outside"),
        ("/etc/passwd", 0, "points outside"),
        ("C:/evil", 0, "points outside"),
        ("/".join("a" * 14), 0, "folders deep"),
        ("logs/link", stat.S_IFLNK | 0o777, "outside of the recording"),
        ("logs/pipe", stat.S_IFIFO | 0o600, "neither a file nor a folder"),
    ],
)
def test_members_of_a_zip_archive_that_no_recording_has_are_refused_by_name(tmp_path: Path, name: str, mode: int, says: str) -> None:
    with pytest.raises(BrokenRecording, match=says) as refused:
        open_archive(zipped(tmp_path, {name: b"../../etc/passwd"}, mode=mode))
    assert name in str(refused.value)


def test_a_zip_archive_of_zeros_is_refused_before_it_is_unpacked_and_one_that_lies_about_sizes_too(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"resources/big.json": bytes(3_000_000)})
    with pytest.raises(BrokenRecording, match=r"resources/big\.json claims 3,000,000 bytes"):
        open_archive(path, limits=Limits(file_bytes=2_000_000))
    small, real = (10).to_bytes(4, "little"), (3_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(real, small))
    tracemalloc.start()
    with pytest.raises(BrokenRecording, match=r"resources/big\.json"):
        open_archive(path)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_zip_archive_that_breaks_off_or_is_damaged_is_named(tmp_path: Path, keep: float) -> None:
    data = zipped(tmp_path, FILES).read_bytes()
    with pytest.raises(BrokenRecording, match=r"^torn\.zip is not a whole zip archive"):
        open_archive(packed(tmp_path, data[: int(len(data) * keep)], "torn.zip"))
    stored = zipped(tmp_path, FILES, compress=zipfile.ZIP_STORED).read_bytes()
    with pytest.raises(BrokenRecording, match=r"logs/shop/a/app\.log"):
        open_archive(packed(tmp_path, stored.replace(b"hello", b"HELLO"), "wrong.zip"))
