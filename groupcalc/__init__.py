"""groupcalc: exact costs of convolutional networks, and what group convolution saves of them."""

__version__ = "0.1.0"
