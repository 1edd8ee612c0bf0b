"""01: what human votes say about models and questions."""
