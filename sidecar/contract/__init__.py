"""Every type that crosses a wire: events, methods, errors, bridge messages, host frames.

One source for Python, TypeScript and the documents. Imports nothing else of the sidecar.
"""
