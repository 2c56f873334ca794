"""What runs in a session host: the channel to the supervisor, the sessions, the zygote.

A host runs provider code and parses provider output. It never opens the journal or a socket to
the network, and it never imports the bridge, the supervisor or aiohttp.
"""
