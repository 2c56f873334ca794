"""What is scored: the sidecar and the Node baseline, each behind `model.System`."""
