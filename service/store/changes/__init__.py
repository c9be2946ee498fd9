"""Who waits for a job or a group to change, and how they hear of it."""
