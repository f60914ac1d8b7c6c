"""The infrastructure program of Plinth and the commands that operate it."""
