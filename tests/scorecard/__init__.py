"""The failure scorecard: ten failure scenarios, ours and a Node baseline, one outside observer."""
