"""One process for each clone that keeps the parts of the local platform alive."""
