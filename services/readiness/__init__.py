"""What every service uses: digests, verified models, quiet request errors, metrics."""
