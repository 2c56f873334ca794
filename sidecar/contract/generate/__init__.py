"""What is printed from the contract: JSON Schema, TypeScript types, tables and examples in docs/.

`python -m sidecar.contract.generate` writes, `--check` fails when a file is stale. A tool of the
source tree: nothing of the running sidecar imports it.
"""
