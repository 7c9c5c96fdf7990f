"""No arithmetic: these operators are counted, and the count is zero."""

from __future__ import annotations

from collections.abc import Mapping

from groupcalc.costs.cost import Work
from groupcalc.costs.rules.registry import Rule, add_rule
from groupcalc.graph import Layer


def _nothing(layer: Layer) -> Work:
    """no arithmetic"""
    return Work()


VIEWS: Mapping[str, tuple[int, ...]] = {
    "Constant": (), "Dropout": (1, 2), "Flatten": (), "Identity": (), "Reshape": (1,), "Shape": (0,), "Size": (0,),
    "Squeeze": (1,), "Unsqueeze": (1,),
    **dict.fromkeys(
        ("Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt", "SequenceConstruct", "SequenceEmpty",
         "SequenceErase", "SequenceInsert", "SequenceLength"), ()),
}  # fmt: skip
"""The same elements under another shape, and which inputs are arguments: no row, no traffic."""

MOVES: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(
        ("And", "Bernoulli", "BitCast", "Cast", "CastLike", "Compress", "Concat",
         "ConcatFromSequence", "DepthToSpace", "Equal", "EyeLike",
         "Greater", "GreaterOrEqual", "If", "IsInf", "IsNaN", "Less", "LessOrEqual", "Loop", "NonZero", "Not", "Or",
         "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "RegexFullMatch",
         "ReverseSequence", "Scan", "SequenceMap", "SpaceToDepth", "StringConcat", "StringNormalizer", "StringSplit",
         "Transpose", "Unique", "Where", "Xor", "ai.onnx.ml::Binarizer", "ai.onnx.ml::CastMap",
         "ai.onnx.ml::CategoryMapper", "ai.onnx.ml::DictVectorizer", "ai.onnx.ml::FeatureVectorizer",
         "ai.onnx.ml::Imputer", "ai.onnx.ml::LabelEncoder", "ai.onnx.ml::OneHotEncoder", "ai.onnx.ml::ZipMap",
         "com.microsoft.nchwc::ReorderInput", "com.microsoft.nchwc::ReorderOutput"), ()),
    **dict.fromkeys(
        ("CenterCropPad", "ConstantOfShape", "Expand", "Gather", "GatherElements", "GatherND", "OneHot", "Split",
         "SplitToSequence", "Tile", "TopK", "Trilu", "ai.onnx.ml::ArrayFeatureExtractor",
         "com.microsoft::GatherND", "com.microsoft::Trilu"), (1,)),
    "MaxUnpool": (2,), "TensorScatter": (2,),
    "Col2Im": (1, 2), "Pad": (1, 2, 3), "Range": (0, 1, 2), "ScatterElements": (1,), "ScatterND": (1,), "Scatter": (1,),
    "Slice": (1, 2, 3, 4), "NonMaxSuppression": (2, 3, 4),
    "com.microsoft::QLinearConcat": (0, 1), "com.microsoft::QLinearWhere": (2, 3, 5, 6, 7, 8),
}  # fmt: skip
"""Elements are moved, chosen or compared, and which inputs are arguments: a row with traffic, without FLOPs."""

for _op, _arguments in VIEWS.items():
    add_rule(_op, Rule(work=_nothing, arguments=frozenset(_arguments), view=True))
for _op, _arguments in MOVES.items():
    add_rule(_op, Rule(work=_nothing, arguments=frozenset(_arguments)))
