"""Condense images: scikit-learn's digits to three of each class; what they are worth; a picture."""

import argparse
from pathlib import Path

import graphcondense
from graphcondense.data.image_sets import load_images
from graphcondense.evaluate import evaluate
from graphcondense.pictures import draw_images

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--per-class", type=int, default=3)
parser.add_argument("--epochs", type=int, default=100, help="matching networks")
parser.add_argument("--trainings", type=int, default=3, help="seeds of each network")
parser.add_argument("--train-epochs", type=int, default=300, help="of the networks")
parser.add_argument("--out", type=Path, help="file for a picture of the images")
args = parser.parse_args()

# Images of your own: as_images((images, labels), (test_images, test_labels)), from the same module.
digits = load_images("digits")
small = graphcondense.condense(
    digits,
    "dc",
    per_class=args.per_class,
    epochs=args.epochs,
    hidden_channels=32,
    validations=1,
    progress=False,
)
print(f"{len(digits.train):,} images, condensed to {list(small.x.shape)}")

report = evaluate(
    small,
    digits,
    models=["ConvNet", "MLP"],
    seeds=args.trainings,
    epochs=args.train_epochs,
    whole_steps=args.train_epochs,
    hidden=32,
    progress=False,
)
print(report.table())
if args.out:
    draw_images(small.x, small.y, args.out)
    print(f"picture: {args.out}")
