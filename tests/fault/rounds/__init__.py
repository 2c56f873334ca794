"""Rounds of faults: twenty sessions at work, and at moments that a seed chooses something breaks.

    python -m tests.fault.rounds --seed 7          one round, as the seed has it
    python -m tests.fault.rounds --count 200       rounds of 200 seeds, from --seed on

`plan` says from a seed what there is and what happens when, `round` carries it out against a real
sidecar, `faults` does the damage, `invariants` judges what came out of it.
"""
