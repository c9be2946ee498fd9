"""The metrics of the API: what a scrape reads from Redis, and what the processes count."""
