"""`triage top`: a live screen of queues, rates and workers."""
