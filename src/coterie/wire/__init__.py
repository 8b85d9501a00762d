"""Shapes that cross a process border: bodies, stream events, problem codes, close codes. Data only."""
