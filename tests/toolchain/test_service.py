import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from infra.errors import PlatformError
from infra.local.toolchain import build, ensure, status, verify
from infra.local.toolchain.store import Store

pytestmark = [pytest.mark.usefixtures("cache", "fake_go"), pytest.mark.parts]

RUN = (
    "import sys; from infra.local.toolchain import ensure; from infra.local.toolchain.recipe import Recipes; "
)
RUN += "from pathlib import Path; ensure(None, lambda e: print(e.phase, e.message, flush=True), "
RUN += "recipes=Recipes(Path(sys.argv[1])))"


def test_a_part_is_made_once(recipes, fake_go):
    first = ensure(["small"], recipes=recipes)
    second = ensure(["small"], recipes=recipes)

    assert first == second
    assert subprocess.check_output([first.bin("small")], text=True) == "v1.2.3\n"
    assert (first.file("files") / "one.yaml").read_text() == "one: 1\n"
    assert fake_go.read_text() == "small\n"


def test_plugins_of_all_parts_lie_in_one_folder_as_pulumi_wants_them(recipes):
    tools = ensure(recipes=recipes)
    program = tools.pulumi_plugins / "resource-other-v1.2.3" / "pulumi-resource-other"

    assert program.is_file()
    assert program.parent.is_dir()
    assert not program.parent.is_symlink()


def test_a_program_that_no_part_holds_is_an_error_in_words(recipes):
    with pytest.raises(PlatformError, match="holds nothing"):
        ensure(["small"], recipes=recipes).bin("nothing")


def test_nothing_stays_of_the_caches_when_all_is_installed(recipes, cache):
    ensure(["small"], recipes=recipes)

    assert (cache / "build").exists()
    ensure(recipes=recipes)

    assert not (cache / "build").exists()


def test_the_caches_stay_when_asked_for(recipes, cache, monkeypatch):
    monkeypatch.setenv("PLINTH_KEEP_BUILD", "1")
    ensure(recipes=recipes)

    assert (cache / "build").exists()


def test_a_changed_recipe_is_made_anew_and_the_old_one_stays_for_other_clones(recipes):
    old = ensure(["small"], recipes=recipes).folders["small"]
    (recipes.root / "go" / "small" / "main.go").write_text("package main // changed\n")
    new = ensure(["small"], recipes=recipes).folders["small"]

    assert new != old
    assert (old / "bin" / "small").exists()


def test_a_failed_build_says_why_and_installs_nothing(recipes, cache, monkeypatch):
    monkeypatch.setenv("FAKE_GO_ERROR", "main.go:1:1: expected declaration")

    with pytest.raises(PlatformError, match=r"main\.go:1:1: expected declaration"):
        ensure(["small"], recipes=recipes)
    assert [row.state for row in status(recipes=recipes)] == ["missing", "missing"]
    assert [path.name for path in (cache / "toolchain").iterdir()] == [".lock"]


def test_a_full_disk_while_building_is_named(recipes, monkeypatch):
    monkeypatch.setenv("FAKE_GO_ERROR", "write /cache/x: no space left on device")

    with pytest.raises(PlatformError, match="The disk is full"):
        ensure(["small"], recipes=recipes)


def test_too_little_room_is_said_before_anything_begins(recipes, fake_go, monkeypatch):
    monkeypatch.setattr("infra.local.toolchain.service.free_gib", lambda _folder: 0.0)

    with pytest.raises(PlatformError, match=r"needs 0 GiB of disk; 0\.0 GiB are free"):
        ensure(["small"], recipes=recipes)
    assert not fake_go.exists()


def test_a_binary_of_the_wrong_version_is_not_installed(recipes, monkeypatch):
    monkeypatch.setenv("FAKE_GO_SAYS", "v9")

    with pytest.raises(PlatformError, match=r"says 'v9', not 'v1\.2\.3'"):
        ensure(["small"], recipes=recipes)
    assert status(recipes=recipes)[0].state == "missing"


def test_a_module_download_that_is_cut_off_is_tried_again(recipes, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    broken = tmp_path / "broken"
    broken.write_text("2")
    monkeypatch.setenv("FAKE_GO_BROKEN_DOWNLOADS", str(broken))
    ensure(["small"], recipes=recipes)

    assert broken.read_text() == "0"


def test_a_module_download_that_stays_wrong_is_an_error(recipes, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    broken = tmp_path / "broken"
    broken.write_text("9")
    monkeypatch.setenv("FAKE_GO_BROKEN_DOWNLOADS", str(broken))

    with pytest.raises(PlatformError, match="checksum mismatch"):
        ensure(["small"], recipes=recipes)


def test_files_of_a_module_with_another_hash_are_refused(recipes):
    (recipes.root / "go" / "small" / "go.sum").write_text("example.org/files v1.0.0 h1:other=\n")

    with pytest.raises(PlatformError, match="h1:good= is not in"):
        ensure(["small"], recipes=recipes)


def test_a_killed_build_leaves_nothing_and_the_next_one_goes_on(recipes, cache, fake_go):
    process = _start(recipes, {"FAKE_GO_SLEEP": "60"})
    _until(fake_go.exists)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert [row.state for row in status(recipes=recipes)] == ["missing", "missing"]
    assert list((cache / "toolchain").glob(".tmp-*"))
    ensure(recipes=recipes)

    assert verify(recipes=recipes) == []
    assert list((cache / "toolchain").glob(".tmp-*")) == []


def test_of_two_runs_one_builds_and_the_other_waits(recipes, fake_go):
    first = _start(recipes, {"FAKE_GO_SLEEP": "1"})
    _until(fake_go.exists)
    second = _start(recipes, {})
    said, _ = second.communicate(timeout=60)
    first.communicate(timeout=60)

    assert (first.returncode, second.returncode) == (0, 0)
    assert f"wait another run builds the toolchain (process {first.pid}); waiting for it" in said
    assert fake_go.read_text().splitlines() == ["small", "pulumi-resource-other"]


def test_build_reports_what_each_part_took_now_and_later(recipes):
    first = build(recipes=recipes)
    second = build(recipes=recipes)

    assert [(row.name, row.now, row.cold) for row in first] == [("small", True, True), ("other", True, True)]
    assert all(row.wall_seconds > 0 and row.cpu_seconds > 0 for row in first)
    assert [row.now for row in second] == [False, False]
    assert [row.cpu_seconds for row in second] == [row.cpu_seconds for row in first]


def test_a_build_beside_compiled_packages_is_not_called_cold(recipes):
    build(parts=["small"], recipes=recipes)
    report = build(recipes=recipes)

    assert [row.cold for row in report] == [True, False]


def test_progress_tells_part_phase_and_share(recipes):
    events = []
    ensure(["small"], events.append, recipes=recipes)

    assert {event.part for event in events} == {"small"}
    assert list(dict.fromkeys(event.phase for event in events)) == [
        "go",
        "download",
        "compile",
        "install",
        "done",
    ]
    assert [event.fraction for event in events if event.phase == "compile"] == [0.0, 0.5, 0.99]


def test_verify_is_silent_about_what_is_as_it_was_made(recipes):
    ensure(recipes=recipes)

    assert verify(recipes=recipes) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "bin" / "small").write_text("#!/bin/sh\necho v1.2.3 #"), "its hash is"),
        (lambda folder: (folder / "files" / "one.yaml").unlink(), "missing"),
        (lambda folder: (folder / "bin" / "added").write_text("x"), "not in the manifest"),
        (lambda folder: _edit_manifest(folder, key="0"), "its manifest is of key 0"),
    ],
    ids=["changed", "missing", "added", "manifest"],
)
def test_verify_finds(recipes, damage, words):
    folder = ensure(recipes=recipes).folders["small"]
    damage(folder)

    assert any(words in problem.what for problem in verify(recipes=recipes))


def test_verify_finds_a_part_of_an_older_recipe(recipes):
    folder = ensure(recipes=recipes).folders["small"]
    (recipes.root / "go" / "small" / "main.go").write_text("package main // changed\n")

    assert [p.what for p in verify(recipes=recipes)] == [
        f"not installed; there is {folder.name}, of another recipe"
    ]


def test_an_official_release_is_preferred_and_verified(make_recipes, tmp_path, fake_go):
    recipes = _with_release(make_recipes, tmp_path)
    tools = ensure(["other"], recipes=recipes)

    assert (
        tools.pulumi_plugins / "resource-other-v1.2.3" / "pulumi-resource-other"
    ).read_text() == "official"
    assert status(recipes=recipes)[1].origin == "official release"
    assert not fake_go.exists()


def test_an_official_release_with_another_hash_is_refused(make_recipes, tmp_path, monkeypatch):
    monkeypatch.setattr("infra.local.toolchain.download.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    recipes = _with_release(make_recipes, tmp_path, sha256="0" * 64)

    with pytest.raises(PlatformError, match="its hash is"):
        ensure(["other"], recipes=recipes)
    assert status(recipes=recipes)[1].state == "missing"


def test_a_release_out_of_reach_is_built(make_recipes, tmp_path, fake_go):
    recipes = make_recipes(url=(tmp_path / "absent.tar.gz").as_uri(), sha256="0" * 64)
    ensure(["other"], recipes=recipes)

    assert fake_go.read_text() == "pulumi-resource-other\n"
    assert status(recipes=recipes)[1].origin == "built from Go modules"


def test_a_damaged_folder_is_replaced(recipes, cache):
    folder = Store(cache / "toolchain").folder("small", recipes.key(recipes.parts["small"]))
    folder.mkdir(parents=True)
    (folder / "half").write_text("left by something else")
    ensure(["small"], recipes=recipes)

    assert not (folder / "half").exists()


def _with_release(make_recipes, tmp_path: Path, sha256: str | None = None):
    program = tmp_path / "pulumi-resource-other"
    program.write_text("official")
    archive = tmp_path / "release.tar.gz"
    with tarfile.open(archive, "w:gz") as content:
        content.add(program, program.name)
    return make_recipes(archive.as_uri(), sha256 or hashlib.sha256(archive.read_bytes()).hexdigest())


def _edit_manifest(folder: Path, **changes: str) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _start(recipes, environment: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(recipes.root)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def _until(true) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 30 s")
