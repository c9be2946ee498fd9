"""What Triage is compared with: programs that run as processes, with libraries that only they have."""
