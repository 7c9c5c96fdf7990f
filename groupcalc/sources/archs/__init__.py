"""Architectures by name: `arch:NAME[,key=value]…` to a Graph. Builder calls only."""
