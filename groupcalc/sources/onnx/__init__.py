"""Reading ONNX without weights: the only importer of onnx.

prune      the file without its large payloads        inputs    the shapes of the graph's inputs
scope      what is known of every name                 infer     one node's output shapes
fold       arithmetic on shapes                        geometry  attributes under their PyTorch names
lower      nodes to layers
"""
