"""The web process at /services/coterie/: API, pages, and the event stream that servers follow."""
