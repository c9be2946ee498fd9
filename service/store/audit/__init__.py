"""The audit compares the structures of a namespace with its jobs and repairs what it can (docs/adr/0050)."""
