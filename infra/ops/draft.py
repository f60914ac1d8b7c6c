"""A copy of a working tree that may be changed: its code comes first, its packages are the original's."""

import shutil
import subprocess
import sys
from pathlib import Path


def make(original: Path, folder: Path) -> None:
    """Copy a working tree, with a virtual environment that finds its packages in this process's.

    Nothing is installed, and nothing that is done in the copy is written into the original.

    Args:
        original: The working tree; what git ignores is left out.
        folder: Where the copy comes; made when it is not there.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=original,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = original / name, folder / name
        if source.is_file():  # a file that was removed is listed until the removal is committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    venv = folder / ".venv"
    packages = Path("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    (venv / packages).mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    shutil.copy2(Path(sys.prefix, "pyvenv.cfg"), venv)
    found = [path for path in sys.path if path.endswith("site-packages")]
    (venv / packages / "draft.pth").write_text("\n".join([str(folder), *found, ""]), encoding="utf-8")
