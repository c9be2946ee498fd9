"""What operators read and control: queues, workers, schedules, probes, metrics."""
