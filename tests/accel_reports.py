"""Reports that were made up: a chip that does most of what a small video model asks for, and some of it badly."""

from dataclasses import replace

from tenku.accel.report.model import VERSION, Against, Block, Chipped, Finding, Fit, Peak, Report, Verdict

PEAK, COPY = 200e12, 2e12
SIZES = {"bfloat16": 2, "float16": 2, "float32": 4}
ROUNDING = {"bfloat16": 2e-3, "float16": 3e-4, "float32": 2e-7}
PARTS = {"text encoder": 1, "transformer": 100, "vae decode": 1}


def product(call: int, rows: int, inner: int, columns: int, *, dtype: str = "bfloat16", reach: float = 0.7) -> Finding:
    """A matrix product that reaches such a share of the peak."""
    flops = 2 * rows * inner * columns
    moved = SIZES[dtype] * (rows * inner + inner * columns + rows * columns)
    slower = 1 if dtype != "float32" else 8
    return Finding(
        call=call,
        operator="aten.addmm.default",
        shapes=f"({columns}) + ({rows}, {inner}) x ({inner}, {columns})",
        dtype=dtype,
        verdict=Verdict.NATIVE,
        error=ROUNDING[dtype],
        worst=ROUNDING[dtype] * 2,
        against=Against.FLOAT64,
        seconds=max(4e-6, flops / PEAK * slower, moved / COPY) / reach,
        flops=flops,
        moved=moved,
        counts={"transformer": 30},
    )


def pointwise(
    call: int, operator: str, numbers: int, *, dtype: str = "bfloat16", reach: float = 0.8, flops: int = 1
) -> Finding:
    """An operator that does little with each number."""
    moved = 2 * SIZES[dtype] * numbers
    return Finding(
        call=call,
        operator=f"aten.{operator}",
        shapes=f"({numbers // 1536}, 1536)",
        dtype=dtype,
        verdict=Verdict.NATIVE,
        error=ROUNDING[dtype] / 2 if flops else 0.0,
        worst=ROUNDING[dtype],
        against=Against.FLOAT64 if flops else Against.EXACT,
        seconds=max(4e-6, moved / COPY / reach),
        flops=flops * numbers,
        moved=moved,
        counts={"transformer": 60, "vae decode": 3},
    )


def without(finding: Finding, verdict: Verdict, message: str) -> Finding:
    """The same operator where it does not come back with anything."""
    return replace(finding, verdict=verdict, message=message, error=None, worst=None, against=None, seconds=None)


def sound(dtype: str = "bfloat16") -> list[Finding]:
    """All operators as they should be."""
    n = 32760 * 1536
    return [
        product(0, 32760, 1536, 1536, dtype=dtype),
        product(1, 32760, 1536, 8960, dtype=dtype, reach=0.75),
        product(2, 32760, 8960, 1536, dtype=dtype, reach=0.72),
        product(3, 512, 4096, 1536, dtype=dtype, reach=0.4),
        product(4, 1, 256, 1536, dtype=dtype, reach=0.9),
        pointwise(5, "gelu.default", 32760 * 8960, dtype=dtype, flops=8),
        pointwise(6, "add.Tensor", n, dtype=dtype),
        pointwise(7, "mul.Tensor", n, dtype=dtype, reach=0.82),
        pointwise(8, "native_layer_norm.default", n, dtype=dtype, flops=6, reach=0.7),
        pointwise(9, "_to_copy.default", n, dtype=dtype, flops=0, reach=0.85),
        pointwise(10, "cat.default", n // 2, dtype=dtype, flops=0, reach=0.75),
        pointwise(11, "silu.default", 1536 * 64, dtype=dtype, flops=4),
        pointwise(12, "_fused_rms_norm.default", n, dtype=dtype, flops=4, reach=0.6),
    ]


def report(
    findings: list[Finding] | None = None, *, dtypes: tuple[str, ...] = ("bfloat16",), copy: float = COPY
) -> Report:
    """A report of these findings, else of a device where all is well."""
    found = [each for dtype in dtypes for each in sound(dtype)] if findings is None else findings
    return Report(
        version=VERSION,
        made_at="2026-11-22T05:00:00+00:00",
        took_s=93.5,
        device=Chipped(
            kind="sim",
            index=0,
            name="Made-up chip",
            memory=24_000_000_000,
            driver="1.2",
            host="Linux, 16 cores of a processor",
        ),
        software={"tenku": "0.1", "torch": "2.13.0"},
        model="wan2.1-t2v-1.3b",
        job="832x480, 81 frames, 50 steps",
        inventory="3f" * 32,
        dtypes=dtypes,
        parts=PARTS,
        copy=copy,
        peaks=tuple(Peak(dtype=dtype, flops=PEAK / (8 if dtype == "float32" else 1)) for dtype in dtypes),
        findings=tuple(found),
        blocks=(),
        fits=(),
    )


def troubled() -> Report:
    """A chip with every trouble at once, in three number types."""
    half, single, other = sound("bfloat16"), sound("float32"), sound("float16")
    half[5] = replace(half[5], verdict=Verdict.FALLBACK, message="gelu ran on the processor", seconds=0.19)
    half[8] = replace(half[8], seconds=(half[8].seconds or 0) * 9)
    half[11] = replace(half[11], error=0.011)
    other[0] = without(other[0], Verdict.HUNG, "It did not come back within 30 s, and was ended.")
    other[5] = without(other[5], Verdict.CRASHED, "Its process ended with SIGSEGV. Fatal: bad tile <4> & more")
    other[8] = without(other[8], Verdict.MISSING, "native_layer_norm is not implemented for 'sim'")
    other[6] = replace(other[6], verdict=Verdict.WRONG, error=float("nan"), message="4 of 50319360 numbers are NaN")
    other[12] = without(other[12], Verdict.FAILING, "shape (1, 32760, 12, 128) is not supported by the <b>kernel</b>")
    whole = report([*half, *other, *single], dtypes=("bfloat16", "float16", "float32"))
    return replace(whole, blocks=BLOCKS, fits=FITS)


BLOCKS = (
    Block(
        name="transformer block",
        dtype="bfloat16",
        verdict=Verdict.NATIVE,
        error=5.5e-3,
        parts_error=4.8e-3,
        seconds=0.061,
        parts_seconds=0.066,
        scale="1 of 30 blocks",
    ),
    Block(
        name="vae decode",
        dtype="float16",
        verdict=Verdict.HUNG,
        message="It did not come back within 60 s, and was ended.",
        scale="1/16 of the pixels",
    ),
)
FITS = (
    Fit(
        what="resolution at 81 frames",
        computed="1280x720",
        computed_bytes=19_300_000_000,
        tried="1280x704",
        tried_bytes=18_700_000_000,
    ),
    Fit(
        what="frames at 832x480", computed="161", computed_bytes=21_000_000_000, message="not tried: it takes too long"
    ),
    Fit(
        what="batch at 832x480, 81 frames",
        computed="",
        computed_bytes=0,
        message="one needs 26 GB, and 24 GB are there",
    ),
)
