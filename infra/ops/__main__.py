"""Entry of ``./plinth``."""

from infra import collecting

if __name__ == "__main__":
    collecting.rarely()
    from infra.ops.cli import main

    main()
