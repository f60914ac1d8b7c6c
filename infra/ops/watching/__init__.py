"""What operators ask of the watching: alerts, figures, runbooks; and the drill that proves every alert."""
