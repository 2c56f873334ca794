"""What judges: write logs, receipts, processes, memory. Imports nothing of sidecar/."""
