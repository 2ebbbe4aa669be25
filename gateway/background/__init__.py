"""What the gateway does by itself beside answering: named periodic tasks, started and stopped by the app."""
