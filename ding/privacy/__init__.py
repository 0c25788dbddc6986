"""Guests' data: where it lies, how long it stays, and how it goes when a guest asks."""
