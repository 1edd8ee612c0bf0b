"""06: the router in a program: clients and a server."""
