"""Commands of operators: queues, workers, schedules, dead letters, bulk actions."""
