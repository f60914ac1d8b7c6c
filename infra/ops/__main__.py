"""Entry of ``./plinth``."""

from infra.ops.cli import main

if __name__ == "__main__":
    main()
