"""The index on disk: built beside, found again, mended by itself, and never opened where others can write."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import index.store
from index import build
from index.place import IndexFolder
from index.store import Folder, Library

ROOT = Path(__file__).resolve().parents[2]
Make = Callable[..., Library]


class Cancel:
    """A cancel token that switches itself after it was asked so many times."""

    def __init__(self, after: int = 0) -> None:
        self.asked = 0
        self.after = after

    @property
    def cancelled(self) -> bool:
        self.asked += 1
        return self.asked > self.after

    def wait(self, seconds: float) -> bool:
        return self.cancelled


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "oom.md").write_text(
        "# Killed for memory\n\n## Symptoms\n\nReason: OOMKilled, exit code 137.\n\n## Fix\n\nRaise the limit.\n"
    )
    (folder / "dns.md").write_text("# Names are not resolved\n\nlookup fails with no such host, look at CoreDNS.\n")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def library(docs: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(index.store, "CHECK_SECONDS", 0.0)
    made: list[Library] = []

    def make(*folders: Path, opened: bool = True) -> Library:
        one = Library([Folder(f) for f in folders or (docs,)], cache)
        made.append(one)
        if opened:
            one.open()
        return one

    yield make
    for one in made:
        one.close()


def paths(found: Library, text: str) -> list[str]:
    return [p.path for p in found.search(text)]


def generation(cache: Path) -> Path:
    (place,) = cache.glob("v*-*-*")
    return place / (place / "current").read_text()


def test_the_first_opening_builds_with_progress_and_the_next_one_only_opens(library: Make, cache: Path, docs: Path) -> None:
    steps: list[tuple[int, int]] = []
    first = library(opened=False)
    assert (first.state, first.count) == ("closed", 0)
    first.open(lambda done, total: steps.append((done, total)))
    built = generation(cache)

    assert (first.state, first.count, first.problems) == ("ready", 2, [])
    assert steps == [(1, 2), (2, 2)]
    steps.clear()
    library(opened=False).open(lambda done, total: steps.append((done, total)))
    assert steps == []
    assert generation(cache) == built


def test_a_passage_cites_file_heading_and_line(library: Make) -> None:
    best = library().search("OOMKilled 137")[0]

    assert best.citation == "docs/oom.md › Symptoms:3"
    assert best.heading == ("Killed for memory", "Symptoms")
    assert (best.text, best.lines, best.corpus) == ("Reason: OOMKilled, exit code 137.", (3, 5), "built-in")


def test_a_new_a_changed_and_a_deleted_document_are_seen_by_the_next_search(library: Make, docs: Path, cache: Path) -> None:
    found = library()
    built = generation(cache)
    (docs / "quota.rst").write_text("Quota\n=====\n\nexceeded quota on pods\n")
    assert paths(found, "exceeded quota") == ["docs/quota.rst"]
    (docs / "dns.md").write_text("# Certificates\n\nx509 has expired\n")
    assert paths(found, "x509 expired") == ["docs/dns.md"]
    assert "docs/dns.md" not in paths(found, "CoreDNS lookup")
    (docs / "oom.md").unlink()
    assert paths(found, "OOMKilled") == []
    assert found.count == 2
    assert generation(cache) == built, "a few changes are an update, not a new build"


def test_many_changes_are_built_behind_while_the_search_goes_on(library: Make, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = library()
    for i in range(30):
        (docs / f"many-{i}.md").write_text(f"# Many {i}\n\nzebra number {i}\n")

    assert paths(found, "OOMKilled")[0] == "docs/oom.md"
    behind = found._refresher
    assert behind is not None
    behind.join(30)
    assert len(found.search("zebra", limit=50)) == 30


def test_touching_a_file_without_changing_it_reads_nothing_anew(library: Make, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = library()
    os.utime(docs / "oom.md", (1_700_000_000, 1_700_000_000))
    monkeypatch.setattr(build, "read_document", lambda *_: pytest.fail("an unchanged document was read"))

    assert paths(found, "OOMKilled")[0] == "docs/oom.md"
    assert next(r for r in found.list() if r.path == "docs/oom.md").modified == 1_700_000_000


def test_list_show_and_sections(library: Make, docs: Path) -> None:
    found = library()

    assert [(r.path, r.title, r.chunks) for r in found.list()] == [
        ("docs/dns.md", "Names are not resolved", 1),
        ("docs/oom.md", "Killed for memory", 2),
    ]
    assert found.show("docs/dns.md") == found.show("dns.md") == found.show("dns") == (docs / "dns.md").read_text()
    assert [p.heading[-1] for p in found.sections("oom")] == ["Symptoms", "Fix"]
    with pytest.raises(LookupError, match=r"nearest: docs/oom\.md"):
        found.show("docs/ooom.md")


def test_two_folders_of_one_name_are_told_apart_and_corpora_are_kept(library: Make, tmp_path: Path, docs: Path, cache: Path) -> None:
    other = tmp_path / "user" / "docs"
    other.mkdir(parents=True)
    (other / "oom.md").write_text("# Ours\n\nOOMKilled means call Petra\n")
    found = Library([Folder(docs), Folder(other, "user")], cache)
    found.open()

    assert {(p.path, p.corpus) for p in found.search("OOMKilled")} == {("docs/oom.md", "built-in"), ("docs~2/oom.md", "user")}
    found.close()


def test_broken_front_matter_rubbish_and_huge_files_end_in_a_working_search_and_a_message(library: Make, docs: Path) -> None:
    (docs / "broken.md").write_text("---\ntitle: [x\n---\n# Broken front\n\ngiraffe\n")
    (docs / "rubbish.md").write_bytes(os.urandom(4096) + b"\0")
    with (docs / "huge.md").open("wb") as stream:
        stream.write(b"# Huge\n\nelephant in the first part\n" + b"filler words here\n\n" * 2_700_000 + b"needleattheend\n")
    os.mkfifo(docs / "pipe.md")
    (docs / "gone.md").symlink_to(docs / "nowhere.md")
    found = library()

    assert paths(found, "giraffe") == ["docs/broken.md"]
    assert paths(found, "elephant") == ["docs/huge.md"]
    assert paths(found, "needleattheend") == []
    assert found.count == 4
    assert sorted(p.split(" ")[0].rstrip(":") for p in found.problems) == ["docs/broken.md", "docs/huge.md", "docs/rubbish.md"]
    assert any("51 MB" in p and "only its first 2 MB" in p for p in found.problems)


def test_links_out_of_the_folder_and_hidden_files_are_not_indexed(library: Make, docs: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret\n\npassphrase\n")
    (docs / "link.md").symlink_to(tmp_path / "secret.md")
    (docs / ".hidden.md").write_text("# Hidden\n\npassphrase\n")

    assert paths(library(), "passphrase") == []


def test_a_document_that_cannot_be_read_is_named(library: Make, docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "closed.md":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **kwargs)  # type: ignore[arg-type, call-overload]

    found = library()
    (docs / "closed.md").write_text("# Closed\n\ntext\n")
    monkeypatch.setattr(Path, "open", refuse)

    assert found.refresh()
    assert found.problems == ["docs/closed.md is left out: it cannot be read (Permission denied)"]
    assert found.count == 2


@pytest.mark.parametrize("victim", ["_MAIN_", "seg", "manifest.json", "current"])
def test_a_damaged_index_is_built_anew_by_itself(library: Make, cache: Path, victim: str) -> None:
    library().close()
    folder = generation(cache)
    hit = [f for f in (*folder.iterdir(), folder.parent / "current") if victim in f.name]
    assert hit
    for file in hit:
        file.write_bytes(b"\x80garbage" * 3)
    again = library()

    assert paths(again, "OOMKilled")[0] == "docs/oom.md"
    assert (again.state, again.problems) == ("ready", [])


def test_an_index_damaged_while_it_is_open_is_built_anew(library: Make, cache: Path) -> None:
    found = library()
    for file in generation(cache).iterdir():
        file.unlink()

    assert paths(found, "OOMKilled")[0] == "docs/oom.md"
    assert found.state == "ready"


def test_rebuilding_makes_another_generation_and_cancelling_it_keeps_the_old_one(library: Make, cache: Path) -> None:
    found = library()
    first = generation(cache)
    found.rebuild(cancel=Cancel(after=1))
    assert generation(cache) == first
    assert paths(found, "OOMKilled")[0] == "docs/oom.md"
    found.rebuild()

    assert generation(cache) != first
    assert not first.exists()
    assert paths(found, "OOMKilled")[0] == "docs/oom.md"


def test_another_processs_new_generation_is_taken_over(library: Make, cache: Path) -> None:
    one, other = library(), library()
    one.rebuild()

    assert paths(other, "OOMKilled")[0] == "docs/oom.md"
    assert (other.state, other.problems) == ("ready", [])


def test_a_cache_folder_that_others_may_write_is_never_opened(library: Make, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library().close()
    generation(cache).parent.chmod(0o777)
    monkeypatch.setattr(index.store, "_open_index", lambda _: pytest.fail("an index from an untrusted place was opened"))
    again = library()

    assert paths(again, "OOMKilled")[0] == "docs/oom.md"
    assert again.state == "in memory"
    assert "others may write" in again.problems[0]
    assert "chmod 700" in again.problems[0]


def test_a_folder_on_the_way_that_others_may_write_is_refused(tmp_path: Path, docs: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    place = IndexFolder(loose / "cache", [Folder(docs)])

    with pytest.raises(OSError, match="others may write in"):
        place.prepare()


def test_the_index_folder_is_its_users_alone(library: Make, cache: Path) -> None:
    library()

    assert [f.stat().st_mode & 0o777 for f in (cache, generation(cache).parent, generation(cache))] == [0o700] * 3


def test_a_cache_that_cannot_be_written_leaves_the_index_in_memory(library: Make, docs: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    found = library()

    assert paths(found, "OOMKilled")[0] == "docs/oom.md"
    assert found.state == "in memory"
    assert "cannot be kept" in found.problems[0]
    (docs / "quota.md").write_text("# Quota\n\nexceeded quota\n")
    assert paths(found, "exceeded quota") == ["docs/quota.md"]


def test_a_disk_that_is_full_leaves_the_index_in_memory(docs: Path, cache: Path) -> None:
    script = textwrap.dedent(f"""
        import resource, sys
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        from index.store import Folder, Library
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        library = Library([Folder(Path({str(docs)!r}))], Path({str(cache)!r}))
        library.open()
        print(library.state, library.search("OOMKilled")[0].path, library.problems)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.startswith("in memory docs/oom.md ['the index cannot be kept in"), done.stdout + done.stderr
    assert not list(cache.glob("v*/gen-*")), "a build that failed leaves nothing behind"


def test_a_build_killed_at_any_document_leaves_the_old_index_in_force(
    library: Make, docs: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library().close()
    before = generation(cache)
    for i in range(40):
        (docs / f"more-{i}.md").write_text(f"# More {i}\n\nzebra {i}\n")
    started = subprocess.Popen

    def start_and_kill(*args: object, **kwargs: object) -> subprocess.Popen[bytes]:
        child = started(*args, **kwargs)  # type: ignore[call-overload]
        victims.append(child)
        return child  # type: ignore[no-any-return]

    victims: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(build.subprocess, "Popen", start_and_kill)
    again = library(opened=False)
    again.open(lambda done, _total: victims[0].send_signal(signal.SIGKILL) if done == 10 else None)

    assert victims[0].returncode == -signal.SIGKILL
    assert generation(cache) == before
    assert [g.name for g in before.parent.glob("gen-*")] == [before.name]
    assert len(again.search("zebra", limit=50)) == 40, "the search works without the child as well"
    monkeypatch.undo()
    after = library()
    assert (after.state, after.count) == ("ready", 42)


CRASHING_WRITER = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
import index.store, index.build
from index.store import Folder, Library
index.store.CHECK_SECONDS = 0.0
library = Library([Folder(Path({docs!r}))], Path({cache!r}))
library.open()
for i in range(5):
    Path({docs!r}, f"new-{{i}}.md").write_text(f"# New {{i}}\\n\\nzebra {{i}}\\n")
def die(*args): os.kill(os.getpid(), signal.SIGKILL)
{sabotage}
library.refresh()
"""


@pytest.mark.parametrize(
    "sabotage",
    [
        "index.store.build.add_document = die",
        "index.store.build.write_manifest = die",
        "import whoosh.writing; whoosh.writing.SegmentWriter._commit_toc = die",
        "import whoosh.writing; whoosh.writing.SegmentWriter._finish = die",
    ],
)
def test_a_process_killed_during_an_update_loses_nothing(library: Make, docs: Path, cache: Path, sabotage: str) -> None:
    script = CRASHING_WRITER.format(root=str(ROOT), docs=str(docs), cache=str(cache), sabotage=sabotage)
    died = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    found = library()

    assert len(found.search("zebra", limit=50)) == 5
    assert paths(found, "OOMKilled")[0] == "docs/oom.md"
    assert (found.state, found.count) == ("ready", 7)


def _open_and_count(docs: str, cache: str, answers: multiprocessing.Queue[tuple[str, int, str]]) -> None:
    one = Library([Folder(Path(docs))], Path(cache))
    one.open()
    answers.put((one.state, one.count, one.search("OOMKilled")[0].path))
    one.close()


def test_two_processes_at_once_build_one_index(docs: Path, cache: Path) -> None:
    fork = multiprocessing.get_context("spawn")
    answers = fork.Queue()
    both = [fork.Process(target=_open_and_count, args=(str(docs), str(cache), answers)) for _ in range(2)]
    for one in both:
        one.start()
    seen = [answers.get(timeout=60) for _ in both]
    for one in both:
        one.join(60)

    assert seen == [("ready", 2, "docs/oom.md")] * 2
    assert len(list(generation(cache).parent.glob("gen-*"))) == 1


def test_while_another_process_updates_this_one_searches_what_there_is(library: Make, docs: Path, cache: Path) -> None:
    found = library()
    (docs / "quota.md").write_text("# Quota\n\nexceeded quota\n")
    with IndexFolder(cache, found.folders).lock():
        assert paths(found, "exceeded quota") == []
        assert paths(found, "OOMKilled")[0] == "docs/oom.md"
        assert "another session" in found.problems[0]
    assert paths(found, "exceeded quota") == ["docs/quota.md"]
    assert found.problems == []


def test_an_update_by_one_library_is_taken_over_by_another(library: Make, docs: Path) -> None:
    one, other = library(), library()
    (docs / "quota.md").write_text("# Quota\n\nexceeded quota\n")

    assert paths(one, "exceeded quota") == ["docs/quota.md"]
    assert paths(other, "exceeded quota") == ["docs/quota.md"]
    assert one.count == other.count == 3


def test_cancelling_a_build_leaves_no_index_no_process_and_no_folder(library: Make, docs: Path, cache: Path) -> None:
    for i in range(200):
        (docs / f"more-{i}.md").write_text(f"# More {i}\n\n" + f"zebra {i} " * 200)
    found = library(opened=False)
    found.open(cancel=Cancel(after=1))

    assert (found.state, found.count) == ("closed", 0)
    assert not list(cache.glob("v*/gen-*"))
    found.open()
    assert found.count == 202


def test_closing_ends_a_build_behind(library: Make, docs: Path) -> None:
    found = library()
    for i in range(400):
        (docs / f"more-{i}.md").write_text(f"# More {i}\n\n" + f"zebra {i} " * 200)
    found.search("OOMKilled")
    behind = found._refresher
    assert behind is not None
    found.close()

    assert not behind.is_alive()
    assert found.state == "closed"


def test_closing_from_another_thread_ends_a_first_build(library: Make, docs: Path, cache: Path) -> None:
    for i in range(400):
        (docs / f"more-{i}.md").write_text(f"# More {i}\n\n" + f"zebra {i} " * 200)
    found = library(opened=False)
    under_way = threading.Event()
    opening = threading.Thread(target=found.open, args=(lambda *_: under_way.set(),))
    opening.start()
    assert under_way.wait(30)
    found.close()
    opening.join(30)

    assert (found.state, found.count) == ("closed", 0)
    assert not list(cache.glob("v*/gen-*"))


def test_twenty_threads_search_while_documents_change(library: Make, docs: Path) -> None:
    for i in range(30):
        (docs / f"page-{i}.md").write_text(f"# Page {i}\n\nmarker{i:02}x and common words of this page\n")
    found = library()
    wrong: list[str] = []
    done = threading.Event()

    def ask(number: int) -> None:
        for turn in range(12):
            i = (number + turn) % 20
            for passage in found.search(f"marker{i:02}x"):
                if f"marker{i:02}x" not in passage.text or passage.path != f"docs/page-{i}.md":
                    wrong.append(f"{i}: {passage}")
            if not found.search(f"marker{i:02}x"):
                wrong.append(f"{i}: nothing")

    def change() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            (docs / f"page-{20 + turn % 10}.md").write_text(f"# Page\n\nchanged {turn} times\n")
            found.refresh()

    writer = threading.Thread(target=change)
    writer.start()
    askers = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    done.set()
    writer.join()

    assert wrong == []
    assert (found.state, found.problems) == ("ready", [])


def test_forgotten_indexes_are_swept_and_others_kept(library: Make, docs: Path, cache: Path) -> None:
    old, fresh = cache / "v0-aaaaaaaa-bbbbbbbb", cache / "v0-aaaaaaaa-cccccccc"
    for other in (old, fresh):
        other.mkdir(parents=True)
        (other / "current").write_text("gen-x")
    os.utime(old / "current", (1, 1))
    library()

    assert (old.exists(), fresh.exists()) == (False, True)


def test_the_manifest_holds_what_is_needed_to_see_a_change(library: Make, cache: Path, docs: Path) -> None:
    library()
    rows = json.loads((generation(cache) / "manifest.json").read_text())["documents"]

    seen = (docs / "oom.md").stat()
    assert rows["docs/oom.md"][:3] == ["built-in", seen.st_mtime_ns, seen.st_size]
