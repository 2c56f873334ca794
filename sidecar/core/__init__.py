"""Pure rules: no asyncio, no os. Values in, values out; clock and randomness are handed in."""
