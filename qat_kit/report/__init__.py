"""Pages that people open in a browser: one file each, without a network, a script or a library."""
