"""Condense images: scikit-learn's digits to three of each class, with DC."""

import argparse
from pathlib import Path

from sklearn.datasets import load_digits

import graphcondense
from graphcondense.pictures import draw_images

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=100, help="matching networks")
parser.add_argument("--out", type=Path, help="file for a picture of the images")
args = parser.parse_args()

digits = load_digits()
small = graphcondense.condense(
    ((digits.images / 16).astype("float32"), digits.target),
    "dc",
    per_class=3,
    epochs=args.epochs,
    depth=2,
    hidden_channels=32,
    validations=1,
    progress=False,
)
print(f"{len(digits.target):,} images, condensed to {list(small.x.shape)}")
print(f"validation accuracy: {100 * small.condensed['validation']['score']:.1f} %")
if args.out:
    print(f"picture: {draw_images(small.x, small.y, args.out)}")
