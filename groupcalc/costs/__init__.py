"""What a layer costs, by one convention.

MAC      one multiply and one add of an inner product: convolutions of every kind, matrix products, attention,
         recurrent cells, einsum, linear models and support vectors. Nothing else has MACs: a Fourier transform is
         counted as a fast one.
FLOPs    2 × MACs + other FLOPs: bias adds, normalisation, activations, pooling, reductions, elementwise arithmetic;
         one per output element unless the rule says otherwise and why.
taps     a kernel tap that falls on padding is counted.
params   elements of learned tensors, each tensor once, in the row of the first layer that uses it. Statistics of
         BatchNormalization are buffers. Operands that are arguments (shapes, axes, scales, zero points, bounds,
         indices) are neither.
bytes    weights, inputs and outputs of a layer, each tensor once, at its own dtype: the traffic of a cold cache.
1/G      grouping divides MACs and params of a convolution by G, and nothing else.

An operator has one of three answers: a rule; no arithmetic; or uncounted, with the reason.
"""

FLOPS_PER_MAC = 2
CONVENTION = {"flops_per_mac": FLOPS_PER_MAC, "padded_taps": "counted"}
