"""Reading ONNX without weights: the only importer of onnx.

the file     foreign    what a file is that is no model        prune      the model without its large payloads
             payload    what a stored tensor holds             load       all of it, from a path or bytes
names        scope      what is known of every name            inputs     the shapes of the graph's inputs
             dims       arithmetic between names of sizes      nodes      what a node is called
nodes        lower      nodes to layers                        resolve    what follows from a node's shapes alone
             infer      one node's output shapes               geometry   attributes under their PyTorch names
             fold       arithmetic on shapes                   constants  nodes that leave nothing to run
             reasons    why a node cannot be counted
other nodes  control    the operators that run other nodes     bodies     what these share
             branches   If                                     loops      Loop
             scans      Scan, SequenceMap                      sequences  tensors in sequences
             functions  the model's own functions              calls      calls of them
"""
