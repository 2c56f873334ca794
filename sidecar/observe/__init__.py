"""Structured log, metrics, doctor: what the sidecar tells about itself."""
