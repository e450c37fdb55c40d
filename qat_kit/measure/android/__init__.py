"""A model on Android phones: over adb, with the demo app or with LiteRT's own benchmark binary."""

from qat_kit.measure.android.benchmark import Plan, measure_phone, pull_result, push_bundle
from qat_kit.measure.android.phone import Phone, PhoneFacts, find_phones, list_phones
from qat_kit.measure.android.several import on_all

__all__ = [
    "Phone",
    "PhoneFacts",
    "Plan",
    "find_phones",
    "list_phones",
    "measure_phone",
    "on_all",
    "pull_result",
    "push_bundle",
]
