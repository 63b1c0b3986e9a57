"""HTTP and WebSocket routes, one file a noun."""
