"""The Helm chart, rendered by the real Helm engine: no cluster, no network."""
