"""How the daemon is asked: the table of methods, on a socket of its own and on ubus."""
