"""The audit of a namespace as a duty of its workers."""
