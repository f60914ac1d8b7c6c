"""The services that the blueprint carries. Each folder is one service; ``readiness`` is what they share."""
