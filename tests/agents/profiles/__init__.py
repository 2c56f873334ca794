"""What the live tests must know of each agent; nothing that the sidecar would need."""
