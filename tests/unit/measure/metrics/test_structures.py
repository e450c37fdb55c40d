"""Boxes, pixels, tags, pictures and transcripts by hand; against TensorFlow and scikit-learn where they have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from qat_kit.errors import DataError
from qat_kit.measure.metrics import get_task, judge
from qat_kit.measure.metrics.transcripts import edits

RANDOM = np.random.default_rng(2)


def values(task: str, answers: object, truth: object, **options: object) -> dict[str, float]:
    quality = judge(get_task(task), answers, truth, num_draws=0, **options)
    return {name: figure.value for name, figure in quality.figures.items()}


def image(*boxes: tuple[float, float, float, float], classes: list[int], scores: list[float] | None = None) -> Any:
    found: dict[str, Any] = {"boxes": np.array(boxes, float).reshape(-1, 4), "classes": classes}
    return found if scores is None else found | {"scores": scores}


TRUTH = [image((0, 0, 10, 10), (20, 20, 30, 30), classes=[0, 0])]


def test_boxes_in_their_place_are_perfect() -> None:
    found = values("detection", [image((10, 10, 0, 0), (20, 20, 30, 30), classes=[0, 0], scores=[0.9, 0.8])], TRUTH)
    assert found == pytest.approx({"map": 1, "map_50": 1, "map_75": 1, "mean_recall": 1})


def test_a_box_found_of_two_reaches_half_the_recalls() -> None:
    """Precision is 1 up to recall 0.50, the 51st of 101 points, and 0 beyond."""
    found = values("detection", [image((0, 0, 10, 10), classes=[0], scores=[0.9])], TRUTH)
    assert found == pytest.approx({"map": 51 / 101, "map_50": 51 / 101, "map_75": 51 / 101, "mean_recall": 0.5})


def test_an_overlap_of_six_tenths_counts_up_to_that() -> None:
    """10×6 of 10×10 overlaps by 0.6: right at 0.50 and 0.55 and 0.60, wrong from 0.65 on."""
    truth = [image((0, 0, 10, 10), classes=[0])]
    found = values("detection", [image((0, 0, 10, 6), classes=[0], scores=[0.5])], truth)
    assert found == pytest.approx({"map": 0.3, "map_50": 1, "map_75": 0, "mean_recall": 0.3})


def test_a_false_box_above_costs_precision_and_one_below_does_not() -> None:
    truth = [image((0, 0, 10, 10), classes=[0])]
    boxes = [(0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)]
    below = values("detection", [image(*boxes, classes=[0, 0], scores=[0.9, 0.1])], truth)
    above = values("detection", [image(*boxes, classes=[0, 0], scores=[0.1, 0.9])], truth)
    assert (below["map"], above["map"]) == pytest.approx((1.0, 0.5))


def test_a_box_found_twice_is_wrong_once_and_other_classes_are_others() -> None:
    truth = [image((0, 0, 10, 10), classes=[0]), image((0, 0, 10, 10), classes=[1])]
    twice = image((0, 0, 10, 10), (0, 0, 10, 10), classes=[0, 0], scores=[0.9, 0.8])
    found = values("detection", [twice, image((0, 0, 10, 10), classes=[0], scores=[0.85])], truth)
    # Class 0: 1 right, then two wrong; class 1 is never found.
    assert found == pytest.approx({"map": 0.5, "map_50": 0.5, "map_75": 0.5, "mean_recall": 0.5})


def test_detection_of_nothing_and_its_interval() -> None:
    quality = judge(get_task("detection"), [image(classes=[], scores=[])] * 2, TRUTH * 2, num_draws=20, num_classes=3)
    assert (quality.figures["map"].value, quality.figures["map"].high) == (0.0, 0.0)
    assert quality.notes == ("the test data has no box of 2 of 3 classes (1, 2); averages are without them",)


def test_segmentation_by_hand() -> None:
    """Truth 0 0 1, answers 0 1 1, one pixel counts for nothing: both classes overlap by 1 of 2; class 2 is nowhere."""
    truth, answers = np.array([[[0, 0], [1, 255]], [[0, 1], [0, 0]]]), np.array([[[0, 1], [1, 1]], [[0, 1], [0, 0]]])
    found = values("segmentation", answers[:1], truth[:1], num_classes=3)
    assert found == pytest.approx({"mean_iou": (1 / 2 + 1 / 2) / 2, "mean_dice": 2 / 3, "pixel_accuracy": 2 / 3})
    scores = np.eye(3)[answers]
    assert values("segmentation", scores, truth[..., None]) == values("segmentation", answers, truth, num_classes=3)


def test_segmentation_against_scikit_learn() -> None:
    truth, answers = RANDOM.integers(0, 4, (2, 5, 8, 8))
    found = values("segmentation", answers, truth)
    assert found["mean_iou"] == pytest.approx(jaccard_score(truth.ravel(), answers.ravel(), average="macro"))
    assert found["mean_dice"] == pytest.approx(f1_score(truth.ravel(), answers.ravel(), average="macro"))


NAMES = ["O", "B-PER", "I-PER", "B-LOC"]


def test_tagging_by_hand() -> None:
    """Spans: PER 0–2 right; LOC missed; PER 0–1 found where PER 0–2 was meant."""
    truth = [[1, 2, 0, 3, -1], [1, 2, -1, -1, -1]]
    answers = [[1, 2, 0, 0, 3], [1, 0, 0, 0, 0]]
    found = values("tagging", answers, truth, tag_names=NAMES)
    assert found["span_precision"] == 1 / 2
    assert found["span_recall"] == 1 / 3
    assert found["span_f1"] == pytest.approx(2 / 5)
    assert found["token_accuracy"] == 4 / 6
    assert found["sequence_accuracy"] == 0.0
    kept = np.array(truth) >= 0
    expected = f1_score(
        np.array(truth)[kept], np.array(answers)[kept], average="macro", labels=[0, 1, 2, 3], zero_division=0
    )
    assert found["macro_token_f1"] == pytest.approx(expected)
    assert "span_f1" not in values("tagging", np.eye(4)[np.array(answers)], truth)


def test_pictures_against_tensorflow() -> None:
    import tensorflow as tf

    truth = RANDOM.random((3, 20, 24, 3))
    answers = np.clip(truth + RANDOM.normal(size=truth.shape) * 0.05, 0, 1)
    cases = get_task("pictures").cases(answers, truth)
    # TensorFlow computes in float32.
    assert cases["ssim"] == pytest.approx(tf.image.ssim(*map(np.float32, (answers, truth)), 1.0).numpy(), abs=2e-5)
    assert cases["psnr_db"] == pytest.approx(tf.image.psnr(answers, truth, 1.0).numpy(), rel=1e-5)
    bytes_ = get_task("pictures").cases(answers * 255, truth * 255, peak=255)
    assert bytes_["ssim"] == pytest.approx(cases["ssim"])
    same = judge(get_task("pictures"), truth, truth)
    assert (same.figures["psnr_db"].value, same.figures["ssim"].value) == (100.0, 1.0)
    assert same.notes == ("3 pictures are equal to the truth and count as 100 dB",)


def test_transcripts_by_hand() -> None:
    """One word of three replaced, one added behind two, one sentence right: 2 errors in 6 words."""
    found = values("transcripts", ["a blue hat", "turn it up", "go"], ["a red hat", "turn up", "go"])
    assert found["word_error_rate"] == pytest.approx(2 / 6)
    assert found["right_transcripts"] == pytest.approx(1 / 3)
    # "it " comes in: three letters.
    assert found["character_error_rate"] == pytest.approx((edits("blue", "red") + 3) / (9 + 7 + 2))


@pytest.mark.parametrize(("a", "b", "expected"), [("", "abc", 3), ("abc", "", 3), ("flaw", "lawn", 2), ("ab", "ba", 2)])
def test_edits_by_hand(a: str, b: str, expected: int) -> None:
    assert edits(a, b) == expected


@pytest.mark.parametrize(
    ("task", "answers", "truth", "options", "message"),
    [
        ("detection", [{}], TRUTH, {}, r"answers\[0\] has no boxes, classes, scores"),
        ("detection", [image((0, 0, 1, 1), classes=[0], scores=[])], TRUTH, {}, "1 boxes, 1 classes and 0 scores"),
        ("detection", [image(classes=[], scores=[])], [image(classes=[])], {}, "no box in any image"),
        (
            "detection",
            [image((0, 0, 1, 1), classes=[4], scores=[1.0])],
            TRUTH,
            {"num_classes": 2},
            "a box is of class 4",
        ),
        ("detection", [image((0, 0, 1, np.inf), classes=[0], scores=[1.0])], TRUTH, {}, r"boxes\[0, 3\] is inf"),
        ("segmentation", np.zeros((1, 2, 2), int), np.full((1, 2, 2), 255), {}, "every pixel of the truth is 255"),
        ("segmentation", np.zeros((1, 2, 2, 2)), np.full((1, 2, 2), 2), {}, r"truth\[0, 0, 0\] is 2"),
        ("segmentation", np.zeros((1, 2, 2), int), np.zeros((1, 2, 3), int), {}, "both must be"),
        ("tagging", [[0, 0]], [[-1, -1]], {}, "sequence 0 has no token"),
        ("tagging", [[0, 0]], [[0, 1]], {"tag_names": ["O", "PER"]}, "received 'PER'"),
        ("tagging", np.zeros((1, 2, 3)), [[0, 1]], {"tag_names": ["O"]}, "3 tags and 1 names"),
        ("pictures", np.zeros((1, 8, 8, 1)), np.zeros((1, 8, 8, 1)), {}, "11×11 pixels or more"),
        ("transcripts", ["a"], [" "], {}, "truth of transcript 0 is empty"),
        ("transcripts", [], [], {}, "0 answers and 0 for the truth"),
    ],
)
def test_what_does_not_fit_is_refused(task: str, answers: Any, truth: Any, options: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        judge(get_task(task), answers, truth, **options)
