"""What asyncio and blocking code share: it reads no socket and waits for nothing."""
