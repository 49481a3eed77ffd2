"""What was tried to break this package, and how often it broke.

    OMP_NUM_THREADS=1 python benchmarks/reliability.py --root DATA --only kills --seconds 1200
    python benchmarks/reliability.py --page

A part is a module of ``benchmarks/reliability/`` with a function ``run(seconds, examples, root)``.
What it counted is in ``--out``/PART.json, so parts may run one after the other, on other days, and
side by side. Rows that are there already are left out or added to, as the part says; ``--anew``
measures them again, also those of poison and privacy, which otherwise read what another benchmark
has stored. ``--rows gcond bench`` runs the rows alone whose names have such a part. ``--page``
writes the page from what is there and runs nothing. Every row says of which day and commit it is,
and names the test of the suites that runs the same code with few examples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import reliability  # the folder beside this script


def main() -> None:
    names = reliability.parts()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="PART",
                        help=f"parts to run: {', '.join(names)}")  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="a part begins nothing further after so many"
    )
    parser.add_argument("--examples", type=int, default=500, help="of each row, at most")
    parser.add_argument("--rows", nargs="+", default=[], metavar="WORD",
                        help="rows whose names have one of these in them")  # fmt: skip
    parser.add_argument("--anew", action="store_true", help="take nothing for done")
    parser.add_argument(
        "--root", default="", help="folder of the data sets, for parts that read any"
    )
    parser.add_argument("--out", type=Path, default=reliability.OUT)
    parser.add_argument("--to", type=Path, default=reliability.PAGE, help="the page")
    parser.add_argument("--page", action="store_true", help="write the page and run nothing")
    args = parser.parse_args()
    if args.seconds <= 0 or args.examples < 1:
        parser.error("--seconds is above 0 and --examples at least 1")
    if whole := [name for name in args.only if args.rows and not reliability.chooses(name)]:
        parser.error(f"{', '.join(whole)} measures all its rows at once: leave --rows out")
    if not args.page:
        for name in args.only:
            bounds = args.seconds, args.examples, args.root, args.out
            reliability.run(name, *bounds, words=args.rows, anew=args.anew)
            print(reliability.shown([reliability.read(args.out / f"{name}.json")]).text())
    reliability.write_page(args.out, args.to)


if __name__ == "__main__":
    main()
