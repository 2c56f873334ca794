"""Watchdogs over all sessions: memory, wedged hosts, stalled turns, idle sessions.

Each is a task of its own over pure rules of core/watch. They judge by facts that they are handed
(samples, beats, events) and act through Session.fail, Session.tell and Session.park alone.
`watchdogs` says which there are.
"""
