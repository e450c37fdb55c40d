package org.qat_kit.demo

/** Which kernels, on how many threads. */
data class EngineChoice(val kind: Kind, val numThreads: Int = 1) {
    /** [XNNPACK] is what apps get by default; [BUILTIN] leaves the delegate out; the others are accelerators. */
    enum class Kind { XNNPACK, BUILTIN, GPU, NPU }

    val label: String get() = "${kind.name.lowercase()}×$numThreads"

    companion object {
        /** CPU always; accelerators where LiteRT's newer interface is in the app, which alone reaches them. */
        fun onThisDevice(): List<EngineChoice> =
            listOf(1, 2, 4).map { EngineChoice(Kind.XNNPACK, it) } + EngineChoice(Kind.BUILTIN) +
                if (CompiledModelEngine.isPresent) listOf(EngineChoice(Kind.GPU), EngineChoice(Kind.NPU)) else emptyList()
    }
}
