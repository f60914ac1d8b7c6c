import pytest

from infra.errors import PlatformError
from infra.local.toolchain.recipe import Recipes, this_platform


def test_the_committed_list_names_the_parts_that_the_platform_uses():
    parts = Recipes().parts

    assert list(parts) == ["kube", "pulumi", "aws", "kubernetes", "monitoring", "rollout"]
    assert [build.binary for build in parts["kube"].builds] == ["bin/kube", "bin/etcd", "bin/kwok"]


def test_versions_are_those_of_the_python_packages():
    """The providers must be what the packages in pyproject.toml were made from."""
    text = (Recipes().root.parents[2] / "pyproject.toml").read_text()

    for part, package in {"pulumi": "pulumi", "aws": "pulumi-aws", "kubernetes": "pulumi-kubernetes"}.items():
        assert f'"{package}=={Recipes().parts[part].version}"' in text


def test_every_module_has_pins():
    for part in Recipes().parts.values():
        for name in part.modules:
            assert (Recipes().root / "go" / name / "go.sum").stat().st_size > 0


def test_a_key_is_the_same_for_the_same_recipe(recipes, make_recipes):
    part = recipes.parts["small"]

    assert make_recipes().key(part) == recipes.key(part)


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
def test_a_key_follows_each_source(recipes, name):
    part = recipes.parts["small"]
    before = recipes.key(part)
    with (recipes.root / "go" / "small" / name).open("a") as file:
        file.write("// changed\n")

    assert recipes.key(part) != before


def test_a_key_follows_the_part_s_own_row_only(recipes):
    small, other = (recipes.key(recipes.parts[name]) for name in ("small", "other"))
    path = recipes.root / "parts.toml"
    path.write_text(path.read_text().replace('title = "A small part"', 'title = "A changed part"'))
    changed = Recipes(recipes.root)

    assert changed.key(changed.parts["small"]) != small
    assert changed.key(changed.parts["other"]) == other


def test_another_platform_has_another_key(recipes, monkeypatch):
    before = recipes.key(recipes.parts["small"])
    other = "x86_64" if this_platform().endswith("arm64") else "aarch64"
    monkeypatch.setattr("platform.machine", lambda: other)

    assert recipes.key(recipes.parts["small"]) != before


def test_a_strange_machine_is_refused_in_words(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(PlatformError, match="riscv64"):
        Recipes().parts["kubernetes"].official()


def test_an_unknown_part_is_refused_with_the_known_ones(recipes):
    with pytest.raises(PlatformError) as caught:
        recipes.select(["smal"])

    assert "no part named smal" in str(caught.value)
    assert "small, other" in str(caught.value)


def test_a_broken_list_says_where(tmp_path):
    (tmp_path / "parts.toml").write_text("[part\n")

    with pytest.raises(PlatformError, match=r"parts\.toml"):
        _ = Recipes(tmp_path).parts
