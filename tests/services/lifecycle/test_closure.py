"""What a file needs is found by reading its imports."""

from pathlib import Path

from services.lifecycle.closure import needed
from services.lifecycle.lineage import code_digest


def test_every_way_of_importing_counts(tmp_path: Path) -> None:
    files = {
        "services/__init__.py": "",
        "services/a/__init__.py": "",
        "services/a/one.py": "import os\nfrom services.a import two\n",
        "services/a/two.py": "import services.b.three\n",
        "services/b/__init__.py": "",
        "services/b/three.py": "def f():\n    from services.b.four import x\n",
        "services/b/four.py": "x = 1\n",
        "services/b/unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert needed("services/a/one.py", root=tmp_path) == tuple(sorted(set(files) - {"services/b/unused.py"}))


def test_the_code_of_a_model_changes_with_what_training_imports_only() -> None:
    assert code_digest("services/credit_risk/training.py") == code_digest("services/credit_risk/training.py")
    assert code_digest("services/credit_risk/training.py") != code_digest("services/credit_risk/service.py")
