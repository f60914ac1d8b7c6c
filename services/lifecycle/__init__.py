"""From data to a packaged model: what every service's pipeline shares. Nothing here is needed to serve."""
