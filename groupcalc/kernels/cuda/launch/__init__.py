"""The compiled part: register tiles, written once for the compiler and once in plain Python, and the kernels."""
