"""The agent of the scorecard: both systems drive the same program by the same protocol (AGENT.md).

It uses the standard library alone and notes itself what it wrote, so that loss, doubling and order
can be told although it, its host or its supervisor was killed.
"""
