"""``coterie demo``: a whole JupyterHub with Coterie on one machine, to try it out. Loopback only."""
