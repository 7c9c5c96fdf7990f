"""Reading ONNX without weights: the only importer of onnx.

prune    the file without its large payloads          infer      one node's output shapes
payload  what a stored tensor holds                   fold       arithmetic on shapes
scope    what is known of every name                  sequences  tensors in sequences
inputs   the shapes of the graph's inputs             geometry   attributes under their PyTorch names
lower    nodes to layers                              load       all of it, from a path or bytes
"""
