"""What operators read and steer: queues, workers, schedules, probes, metrics."""
