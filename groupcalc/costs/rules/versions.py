"""The version of each ONNX operator that its rule was written from."""

from __future__ import annotations

from collections.abc import Mapping

_BY_VERSION = {
    1: """Not ai.onnx.ml::ArrayFeatureExtractor ai.onnx.ml::Binarizer ai.onnx.ml::CastMap
        ai.onnx.ml::CategoryMapper ai.onnx.ml::DictVectorizer ai.onnx.ml::FeatureVectorizer ai.onnx.ml::Imputer
        ai.onnx.ml::LinearClassifier ai.onnx.ml::LinearRegressor ai.onnx.ml::Normalizer
        ai.onnx.ml::OneHotEncoder ai.onnx.ml::SVMClassifier ai.onnx.ml::SVMRegressor ai.onnx.ml::Scaler
        ai.onnx.ml::ZipMap ai.onnx.preview.training::Adagrad ai.onnx.preview.training::Adam
        ai.onnx.preview.training::Gradient ai.onnx.preview.training::Momentum ai.onnx.preview::FlexAttention""",
    4: """ai.onnx.ml::LabelEncoder""",
    5: """ai.onnx.ml::TreeEnsemble ai.onnx.ml::TreeEnsembleClassifier ai.onnx.ml::TreeEnsembleRegressor""",
    7: """And Or Xor""",
    9: """Shrink TfIdfVectorizer""",
    10: """ConvInteger MatMulInteger QLinearConv StringNormalizer Upsample""",
    11: """ConcatFromSequence DynamicQuantizeLinear NonMaxSuppression Scatter SequenceAt SequenceConstruct
        SequenceEmpty SequenceErase SequenceInsert SequenceLength""",
    13: """Abs ArgMax ArgMin Ceil Clip Concat Erf Exp Expand Floor Gather GatherElements GatherND Gemm Greater
        Hardmax LRN Less Log LogSoftmax MatMul Max Mean MeanVarianceNormalization Min Neg NonZero Reciprocal
        ReduceSum Sigmoid Sign Slice Softmax SoftmaxCrossEntropyLoss Sqrt Sum Tanh Tile""",
    14: """Add CumSum Div Mul Relu Sub Trilu""",
    15: """BatchNormalization Pow""",
    16: """GreaterOrEqual LeakyRelu LessOrEqual PRelu Where""",
    17: """BlackmanWindow HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap""",
    18: """BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im ReduceL1 ReduceL2 ReduceMean ReduceProd
        ReduceSumSquare ScatterElements ScatterND Split""",
    19: """Equal Resize""",
    20: """AffineGrid DFT Gelu ImageDecoder IsInf IsNaN ReduceMax ReduceMin RegexFullMatch StringConcat StringSplit""",
    21: """GroupNormalization QLinearMatMul""",
    22: """Acos Acosh Asin Asinh Atan Atanh AveragePool Bernoulli Conv ConvTranspose Cos Cosh DeformConv Det
        Dropout Elu EyeLike GRU GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample HardSigmoid HardSwish
        InstanceNormalization LSTM LpNormalization LpPool MaxPool MaxRoiPool MaxUnpool Mish Multinomial
        NegativeLogLikelihoodLoss RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike RoiAlign
        Round Selu Sin Sinh Softplus Softsign Tan ThresholdedRelu""",
    23: """RMSNormalization RotaryEmbedding""",
    24: """SplitToSequence Swish TensorScatter TopK""",
    25: """Attention CastLike Constant ConstantOfShape Flatten Identity If Loop Pad Reshape Scan Shape Size Squeeze
        Transpose Unsqueeze""",
    26: """BitCast CumProd""",
    27: """CausalConvWithState LinearAttention Range""",
    28: """BitShift Cast Celu Compress DepthToSpace DequantizeLinear Einsum Mod OneHot Optional OptionalGetElement
        OptionalHasElement QuantizeLinear ReduceLogSum ReduceLogSumExp ReverseSequence SpaceToDepth SwiGLU
        Unique""",
}

VERSIONS: Mapping[str, int] = {op: version for version, ops in _BY_VERSION.items() for op in ops.split()}
"""By operator, as `RULES` has them (ONNX 1.23). A newer version is read before its number stands here: a test asks."""


def source(op: str) -> str:
    """Where an operator is defined: `ONNX Conv-22`, `onnxruntime com.microsoft FusedConv-1`."""
    domain, _, name = op.rpartition("::")
    if op in VERSIONS:
        return " ".join(word for word in ("ONNX", domain, f"{name}-{VERSIONS[op]}") if word)
    return " ".join(word for word in ("onnxruntime", domain, f"{name}-1") if word)
