"""Wire mode: the tools behind real sockets, and what goes wrong there."""
