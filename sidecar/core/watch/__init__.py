"""Rules of the watchdogs: budgets, beats, stalls, idleness. Pure; clocks are handed in."""
