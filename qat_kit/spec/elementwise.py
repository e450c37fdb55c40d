"""Ops that compute new values from activations: arithmetic, activation functions, reductions, comparisons."""

from __future__ import annotations

from qat_kit.spec.sources import DIALECT, KERNELS, PROPERTIES, SPECIFICATION
from qat_kit.spec.types import FUSED, FixedOutput, OpSpec, ScaleZeroPoint

_HALF_UNIT = FixedOutput(int8=ScaleZeroPoint(1 / 256, -128), int16=ScaleZeroPoint(1 / 32768, 0))
_SIGNED_UNIT = FixedOutput(int8=ScaleZeroPoint(1 / 128, 0), int16=ScaleZeroPoint(1 / 32768, 0))

ARITHMETIC = (
    OpSpec(op="ADD", source=f"{SPECIFICATION}: ADD; {KERNELS}/add.cc", fused_activations=FUSED),
    OpSpec(op="SUB", source=f"{SPECIFICATION}: SUB; {KERNELS}/sub.cc", fused_activations=FUSED),
    OpSpec(op="MUL", source=f"{SPECIFICATION}: MUL; {KERNELS}/mul.cc", fused_activations=FUSED),
    OpSpec(
        op="DIV",
        source=f"{DIALECT}: TFL_DivOp; {KERNELS}/div.cc",
        fused_activations=FUSED,
        converter_bits=(8,),
        note=(
            "Where scale(a) / (scale(b) · scale(output)) has fewer bits than the divisor's code, the kernel shifts by "
            "more than 31 bits: small quotients come out as the highest or lowest code."
        ),
    ),
    OpSpec(
        op="SQUARED_DIFFERENCE",
        source=f"{PROPERTIES}: SQUARED_DIFFERENCE; {KERNELS}/squared_difference.cc",
        activation_bits=(8,),
        converter_bits=(8, 16),
        converter_breaks=(16,),
    ),
    OpSpec(op="MAXIMUM", source=f"{SPECIFICATION}: MAXIMUM; {KERNELS}/maximum_minimum.cc", same_scale_bits=(8, 16)),
    OpSpec(op="MINIMUM", source=f"{SPECIFICATION}: MINIMUM; {KERNELS}/maximum_minimum.cc", same_scale_bits=(8, 16)),
)

UNARY = (
    OpSpec(
        op="LOGISTIC",
        source=f"{SPECIFICATION}: LOGISTIC; int16: {KERNELS}/activations.cc SigmoidPrepare",
        fixed_output=_HALF_UNIT,
    ),
    OpSpec(
        op="SOFTMAX",
        source=f"{SPECIFICATION}: SOFTMAX; int16: {KERNELS}/activations.cc SoftmaxPrepare",
        fixed_output=_HALF_UNIT,
    ),
    OpSpec(
        op="TANH",
        source=f"{SPECIFICATION}: TANH; int16: {KERNELS}/activations.cc TanhPrepare",
        fixed_output=_SIGNED_UNIT,
    ),
    OpSpec(
        op="L2_NORMALIZATION",
        source=f"{SPECIFICATION}: L2_NORMALIZATION; {KERNELS}/l2norm.cc",
        fixed_output=FixedOutput(int8=ScaleZeroPoint(1 / 128, 0), int16=None),
        activation_bits=(8,),
    ),
    OpSpec(
        op="LOG_SOFTMAX",
        source=f"{SPECIFICATION}: LOG_SOFTMAX; {KERNELS}/activations.cc LogSoftmaxPrepare",
        fixed_output=FixedOutput(int8=ScaleZeroPoint(16 / 256, 127), int16=None),
        activation_bits=(8,),
    ),
    OpSpec(op="RELU", source=f"{PROPERTIES}: RELU; {KERNELS}/activations.cc ReluEval"),
    OpSpec(op="RELU6", source=f"{PROPERTIES}: RELU6; {KERNELS}/activations.cc Relu6Eval"),
    OpSpec(
        op="RELU_N1_TO_1",
        source=f"{PROPERTIES}: RELU_N1_TO_1; {KERNELS}/activations.cc Relu1Eval",
        activation_bits=(8,),
    ),
    OpSpec(
        op="RELU_0_TO_1",
        source=f"{DIALECT}: TFL_Relu0To1Op; {KERNELS}/activations.cc Relu0to1Eval",
        activation_bits=(8,),
    ),
    OpSpec(op="LEAKY_RELU", source=f"{PROPERTIES}: LEAKY_RELU; {KERNELS}/activations.cc LeakyReluPrepare"),
    OpSpec(
        op="PRELU",
        source=f"{PROPERTIES}: PRELU; {KERNELS}/activations.cc PreluPrepare",
        note="The slopes (operand 1) are quantized per tensor, as an activation is.",
    ),
    OpSpec(
        op="ELU",
        source=f"{DIALECT}: TFL_EluOp; {KERNELS}/activations.cc EluPrepare",
        activation_bits=(8,),
        converter_bits=(),
    ),
    OpSpec(
        op="HARD_SWISH",
        source=f"{PROPERTIES}: HARD_SWISH; {KERNELS}/activations.cc HardSwishPrepare",
        activation_bits=(8,),
    ),
    OpSpec(op="GELU", source=f"{PROPERTIES}: GELU; {KERNELS}/activations.cc GeluPrepare"),
    OpSpec(op="ABS", source=f"{PROPERTIES}: ABS; {KERNELS}/elementwise.cc"),
    OpSpec(op="SQRT", source=f"{PROPERTIES}: SQRT; {KERNELS}/elementwise.cc", converter_bits=(8,)),
    OpSpec(op="RSQRT", source=f"{PROPERTIES}: RSQRT; {KERNELS}/elementwise.cc"),
    OpSpec(op="LOG", source=f"{PROPERTIES}: LOG; {KERNELS}/elementwise.cc"),
    OpSpec(op="EXP", source=f"{PROPERTIES}: EXP; {KERNELS}/exp.cc"),
    OpSpec(op="QUANTIZE", source=f"{SPECIFICATION}: QUANTIZE (Requantization); {KERNELS}/quantize.cc"),
    OpSpec(
        op="DEQUANTIZE",
        source=f"{KERNELS}/dequantize.cc",
        data_outputs=(),
        note="The output is float; in a fully integer file it stands nowhere but at a float output.",
    ),
)

REDUCTIONS = (
    OpSpec(op="MEAN", source=f"{SPECIFICATION}: MEAN; {KERNELS}/reduce.cc", index_inputs=(1,)),
    OpSpec(
        op="SUM",
        source=f"{PROPERTIES}: SUM (same scale unless 8 bits); {KERNELS}/reduce.cc",
        index_inputs=(1,),
        same_scale_bits=(16,),
    ),
    OpSpec(op="REDUCE_PROD", source=f"{PROPERTIES}: REDUCE_PROD; {KERNELS}/reduce.cc", index_inputs=(1,)),
    *(
        OpSpec(
            op=op,
            source=f"{PROPERTIES}: {op}; {KERNELS}/reduce.cc EvalGeneric",
            index_inputs=(1,),
            same_scale_bits=(8, 16),
        )
        for op in ("REDUCE_MAX", "REDUCE_MIN")
    ),
    *(
        OpSpec(
            op=op,
            source=f"{SPECIFICATION}: {op}; {KERNELS}/pooling.cc",
            same_scale_bits=(8, 16),
            fused_activations=FUSED,
        )
        for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
    ),
)

# Quantized operands in, integers or booleans out.
QUERIES = (
    OpSpec(
        op="ARG_MAX",
        source=f"{SPECIFICATION}: ARG_MAX; {KERNELS}/arg_min_max.cc",
        index_inputs=(1,),
        data_outputs=(),
        activation_bits=(8,),
    ),
    OpSpec(
        op="ARG_MIN",
        source=f"{DIALECT}: TFL_ArgMinOp; {KERNELS}/arg_min_max.cc",
        index_inputs=(1,),
        data_outputs=(),
        activation_bits=(8,),
    ),
    *(
        OpSpec(
            op=op,
            source=f"{SPECIFICATION}: {op}; {KERNELS}/comparisons.cc",
            data_outputs=(),
            converter_bits=converter_bits,
        )
        for op, converter_bits in (
            ("EQUAL", (8,)),
            ("NOT_EQUAL", ()),
            ("GREATER", (8,)),
            ("GREATER_EQUAL", (8,)),
            ("LESS", (8,)),
            ("LESS_EQUAL", (8,)),
        )
    ),
    OpSpec(op="SHAPE", source=f"{SPECIFICATION}: SHAPE; {KERNELS}/shape.cc", data_outputs=()),
)
