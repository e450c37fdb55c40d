package org.qat_kit.inference

/**
 * Why a bundle cannot be used. The message is written for the person who holds the phone: what happened, what was
 * expected, how to mend it.
 *
 * ```
 * BundleException
 * ├── MissingFile        a file of the bundle is not there, or cannot be read
 * ├── BrokenManifest     manifest.json is no manifest
 * ├── NewerManifest      manifest.json is of a version that this code does not know
 * ├── CorruptModel       the model is not the file that the manifest describes, or the runtime refuses it
 * ├── WrongLabels        another number of class names than the model has answers
 * ├── WrongShape         an array, or the model, is of another shape or type than the manifest says
 * ├── BrokenEvaluation   evaluation.npz cannot be read
 * └── NotSupported       a kind of input or output that this code does not serve
 * ```
 */
sealed class BundleException(message: String, cause: Throwable? = null) : Exception(message, cause) {
    class MissingFile(name: String, cause: Throwable? = null) : BundleException(
        "The bundle has no readable file “$name”. Make it again with: qat-kit bundle RUN --out FOLDER",
        cause,
    )

    class BrokenManifest(where: String, what: String) : BundleException(
        "manifest.json cannot be used: ${if (where.isEmpty()) "" else "$where: "}$what. " +
            "Make the bundle again with: qat-kit bundle RUN --out FOLDER",
    )

    class NewerManifest(val received: Long, val known: Int) : BundleException(
        "manifest.json has format version $received; this app knows version $known. " +
            if (received > known) "Update the app." else "Make the bundle again with a current qat_kit.",
    )

    class CorruptModel(name: String, what: String, cause: Throwable? = null) : BundleException(
        "The model “$name” is damaged: $what. Copy the bundle again.",
        cause,
    )

    class WrongLabels(received: Int, expected: Int) : BundleException(
        "There are $received class names for $expected answers of the model. " +
            "labels.txt and manifest.json must be of the same model; copy the whole bundle again.",
    )

    class WrongShape(what: String, received: String, expected: String) : BundleException(
        "$what is $received, expected $expected. Model and manifest must be of the same bundle.",
    )

    class BrokenEvaluation(what: String, cause: Throwable? = null) : BundleException(
        "evaluation.npz cannot be read: $what. Copy the bundle again.",
        cause,
    )

    class NotSupported(what: String) : BundleException(what)
}
