"""The supervisor: sessions, their generations and hosts, recovery, boot and parent watch.

Never runs provider code and never parses provider output; what it reads of a host are frames.
"""
