"""The operations of TensorFlow that a model may consist of; all others are refused by name before anything is run."""

from __future__ import annotations

OPERATIONS = frozenset({
    "Abs", "Acos", "Acosh", "Add", "AddN", "AddV2", "All", "Any", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atan2",
    "Atanh", "AvgPool", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "BiasAdd", "BiasAddV1", "BroadcastTo", "Cast",
    "Ceil", "ClipByValue", "Concat", "ConcatV2", "Const", "Conv2D", "Cos", "Cosh", "Cumsum",
    "DepthwiseConv2dNative", "Div", "DivNoNan", "Einsum", "Elu", "EnsureShape", "Equal", "Erf", "Exp", "ExpandDims",
    "Fill", "Floor", "FloorDiv", "FloorMod", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "Gather",
    "GatherNd", "GatherV2", "Greater", "GreaterEqual", "Identity", "IdentityN", "IsFinite", "IsInf", "IsNan",
    "LeakyRelu", "Less", "LessEqual", "Log", "Log1p", "LogSoftmax", "LogicalAnd", "LogicalNot", "LogicalOr", "MatMul",
    "Max", "MaxPool", "MaxPoolV2", "Maximum", "Mean", "Min", "Minimum", "Mul", "Neg", "NoOp", "NotEqual", "OneHot",
    "OnesLike", "Pack", "Pad", "PadV2", "Pow", "Prod", "Range", "RealDiv", "Reciprocal", "Relu", "Relu6", "Reshape",
    "ReverseV2", "Rint", "Round", "Rsqrt", "Select", "SelectV2", "Selu", "Shape", "Sigmoid", "Sign", "Sin", "Sinh",
    "Size", "Slice", "Softmax", "Softplus", "Softsign", "Split", "SplitV", "Sqrt", "Square", "SquaredDifference",
    "Squeeze", "StopGradient", "StridedSlice", "Sub", "Sum", "Tan", "Tanh", "Tile", "TopKV2", "Transpose", "Unpack",
    "Where", "ZerosLike",
    "PartitionedCall", "PlaceholderWithDefault", "ReadVariableOp", "ResourceGather", "StatefulPartitionedCall",
    "VarHandleOp", "VariableV2",
})  # fmt: skip
"""They compute numbers from numbers, or read the model's own variables; in the last two rows, and call its functions.

None of them reads or writes a file, runs Python, opens a connection, changes a variable, draws at random or loops.
"""

RESTORING = frozenset({
    "Assign", "AssignVariableOp", "Const", "Identity", "NoOp", "PartitionedCall", "RestoreV2",
    "StatefulPartitionedCall", "VarHandleOp", "VariableV2",
})  # fmt: skip
"""What the variables may be filled with; and ``RestoreV2`` may read no other file than the model's own."""
