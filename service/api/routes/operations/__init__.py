"""Routes for operators: queues, workers, schedules, events, probes, metrics, pages."""
