"""Ours with one mechanism disabled, in the running product: `python -m tests.scorecard.sabotage`.

A row that stays green although what it claims is switched off would prove nothing.
"""
