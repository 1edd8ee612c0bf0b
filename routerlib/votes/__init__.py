"""01: what human votes say about models and questions. All of it is in `ratings`."""
