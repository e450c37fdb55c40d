package org.qat_kit.inference

/**
 * How what a person gives (a drawing, a picture, a sound, a movement) becomes a model's input.
 *
 * Which one a bundle wants follows from its manifest: from the stated preprocessing, or, for the kit's own recipes whose
 * arrays are made otherwise, from the recipe's name. Where the manifest says nothing, nothing is guessed: [Samples].
 */
sealed interface FrontEnd {
    /** Drawn with a finger, as counts of set points (the recipe `digits`). */
    data class Counts(val height: Int, val width: Int) : FrontEnd {
        fun of(drawing: Drawing): FloatArray =
            drawing.counts(height, width).also { for (place in it.indices) it[place] /= POINTS }

        private companion object {
            const val POINTS = 16f
        }
    }

    /** A picture of any size; drawn, too, where the classes are single characters. */
    data class Picture(
        val height: Int,
        val width: Int,
        val channels: Int,
        val preprocessing: Preprocessing,
        val canBeDrawn: Boolean,
    ) : FrontEnd {
        fun of(image: Image): FloatArray {
            require(image.channels == channels) { "a picture of $channels channels is needed" }
            val cut = if (preprocessing.crop) image.cropped(height, width) else image
            return cut.resized(height, width).normalized(preprocessing)
        }

        fun of(drawing: Drawing): FloatArray = drawing.picture(height, width).normalized(preprocessing)
    }

    /** Samples of sound from −1 to 1 at [sampleRate]; as a log-mel picture where [logMel] is not null. */
    data class Sound(
        val sampleRate: Int,
        val numSamples: Int,
        val preprocessing: Preprocessing,
        val logMel: LogMel? = null,
    ) : FrontEnd {
        /** Cut, or padded with silence, to the model's length. */
        fun of(wave: FloatArray): FloatArray {
            val fitted = wave.copyOf(numSamples)
            return logMel?.of(fitted) ?: FloatArray(numSamples) { (fitted[it] - preprocessing.mean[0]) / preprocessing.std[0] }
        }
    }

    /** Readings of the motion sensors, [numReadings] of acceleration (m/s²) and turning (rad/s), at [rateHz]. */
    data class Motion(val numReadings: Int, val numChannels: Int, val rateHz: Int) : FrontEnd

    /** Nothing but the samples that came with the bundle can be tried; [why] says what the manifest lacks. */
    data class Samples(val why: String) : FrontEnd

    companion object {
        private const val SPOKEN_DIGITS_RATE = 8000
        private const val MOTION_RATE = 100

        fun of(manifest: Manifest): FrontEnd {
            val shape = manifest.inputs.first().shape.drop(1)
            val stated = manifest.preprocessing
            return when {
                manifest.inputs.size != 1 -> Samples("The model has ${manifest.inputs.size} inputs.")
                stated.kind == Preprocessing.Kind.IMAGE && shape.size == 3 && shape[2] in setOf(1, 3) ->
                    picture(manifest, shape, stated)
                stated.kind == Preprocessing.Kind.AUDIO && stated.sampleRate != null ->
                    Sound(stated.sampleRate, manifest.inputs.first().sampleSize, stated)
                manifest.name == "digits" && shape == listOf(8, 8, 1) -> Counts(8, 8)
                manifest.name == "spoken_digits" && shape == listOf(49, 32, 1) ->
                    Sound(SPOKEN_DIGITS_RATE, SPOKEN_DIGITS_RATE, stated, LogMel(SPOKEN_DIGITS_RATE))
                manifest.name == "activity" && shape == listOf(100, 6) -> Motion(shape[0], shape[1], MOTION_RATE)
                else -> Samples(
                    "The manifest does not say how pictures, sound or movement become this model's input " +
                        "${manifest.inputs.first().shape}; only the samples of the bundle can be tried.",
                )
            }
        }

        private fun picture(manifest: Manifest, shape: List<Int>, stated: Preprocessing): FrontEnd {
            val (height, width, channels) = shape
            if (listOf(stated.mean, stated.std).any { it.size != 1 && it.size != channels }) {
                return Samples("The manifest has mean and std for another number of channels than $channels.")
            }
            val areCharacters = manifest.classNames.isNotEmpty() && manifest.classNames.all { it.length == 1 }
            return Picture(height, width, channels, stated, canBeDrawn = channels == 1 && areCharacters)
        }
    }
}
