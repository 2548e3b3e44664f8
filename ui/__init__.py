"""The page: maps components to settings and events to components. No maths, no torch."""
