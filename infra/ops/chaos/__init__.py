"""What happens to a change when AWS has a bad day or the engine is killed: many runs of a small stack."""
