"""Session code with a planted defect (tests/scorecard/AGENT.md, `poison`)."""
