"""The compiled part: register tiles and the loops around them; these modules and `jit` are what needs Numba."""
