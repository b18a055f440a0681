"""Where objects come from: live clusters and recordings behind one protocol, and the loopback server that lets kubectl read a recording."""
