package org.qat_kit.demo

import android.app.Activity
import android.view.View

/** A view that the layout has for certain: one that is missing is a bug, and is named. */
internal fun <T : View> Activity.view(id: Int): T =
    checkNotNull(findViewById<T>(id)) { "the layout has no ${resources.getResourceEntryName(id)}" }
