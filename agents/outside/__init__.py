"""Agents of third parties: their own process, confined, behind a pipe with deadlines."""
