"""The platform on which the program runs on a laptop: AWS API, Kubernetes, gateway."""
