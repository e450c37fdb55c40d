package org.qat_kit.inference.example

import java.io.File
import java.nio.ByteBuffer
import org.qat_kit.inference.*

/** Names what is in a picture. `makeEngine` opens LiteRT on the phone: app/…/TfliteEngine.kt shows how. */
class PictureNamer(folder: File, makeEngine: (ByteBuffer) -> Engine) : AutoCloseable {
    private val bundle = Bundle.open(FolderSource(folder))
    private val engine = makeEngine(bundle.model)
    private val classifier = Classifier(bundle.manifest, engine)
    private val frontEnd = FrontEnd.of(bundle.manifest) as FrontEnd.Picture

    /** Whether this phone answers as the kit's own kernels did. */
    val isTrustworthy = checkGolden(bundle.manifest, engine).any { it.agreement != Agreement.DIFFERENT }

    /** [pixels] as Android's `Bitmap.getPixels` gives them. */
    fun name(pixels: IntArray, height: Int, width: Int): String {
        val image = Image.ofPixels(pixels, height, width, frontEnd.channels)
        val best = classifier.classify(frontEnd.of(image)).answers.first()
        return "${best.label}: ${(100 * best.score).toInt()} %"
    }

    override fun close() = engine.close()
}
