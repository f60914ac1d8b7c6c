"""The installed parts, for those who use them."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.errors import PlatformError
from infra.local.toolchain.store import Store, remove


@dataclass(frozen=True)
class Toolchain:
    """Installed parts.

    Args:
        folders: The folder of each part, by the part's name.
        pulumi_plugins: A folder to use as ``plugins`` of a PULUMI_HOME.
    """

    folders: dict[str, Path]
    pulumi_plugins: Path

    def bin(self, name: str) -> Path:
        """Return a program by its name, such as ``pulumi``, ``kube``, ``etcd``, ``kwok`` or ``flagger``.

        Raises:
            PlatformError: No installed part holds it.
        """
        return self._find(Path("bin") / name)

    def file(self, name: str) -> Path:
        """Return a folder of files by its name: ``gateway-api-crds``, ``flagger-crds`` or ``kwok-stages``.

        Raises:
            PlatformError: No installed part holds it.
        """
        return self._find(Path(name))

    def _find(self, inside: Path) -> Path:
        for folder in self.folders.values():
            if (folder / inside).exists():
                return folder / inside
        raise PlatformError(
            f"No installed part of the toolchain holds {inside.name}.",
            where=", ".join(str(folder) for folder in self.folders.values()),
            fix="./plinth toolchain verify",
        )


def plugins_folder(store: Store, folders: dict[str, Path]) -> Path:
    """Return a folder that holds the plugins of all given parts, as Pulumi's ``plugins`` folder is laid out.

    The engine takes real folders only, so the files are hard links to those of the parts.
    """
    providers = {name: folder for name, folder in folders.items() if (folder / "plugins").is_dir()}
    name = (
        "plugins-" + "-".join(folder.name for folder in providers.values()) if providers else "plugins-none"
    )
    final = store.root / name
    if final.is_dir():
        return final
    store.root.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".links-", dir=store.root))
    for folder in providers.values():
        shutil.copytree(folder / "plugins", temporary, dirs_exist_ok=True, copy_function=os.link)
    temporary.chmod(0o755)
    try:
        temporary.rename(final)
    except OSError:
        # Another run was quicker.
        remove(temporary)
    return final
