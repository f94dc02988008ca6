"""When somebody speaks: energy gate, detector, endpointer."""
