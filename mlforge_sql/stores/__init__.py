"""Offline stores that features are read from, one module for each engine."""
