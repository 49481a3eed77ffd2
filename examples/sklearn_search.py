"""Search methods and sizes with scikit-learn: grid search over nodes, any scorer, a final test."""

import argparse

from sklearn.model_selection import GridSearchCV, StratifiedKFold

import graphcondense
from graphcondense.sklearn import CondensedClassifier, Condenser

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--methods", nargs="+", default=["random", "gecc", "quotient"])
parser.add_argument("--nodes", nargs="+", type=int, default=[20, 40])
parser.add_argument("--folds", type=int, default=3)
parser.add_argument("--epochs", type=int, default=100, help="of each training")
args = parser.parse_args()

# Read once: every fit of the search works on this graph.
data = graphcondense.data.as_task(
    graphcondense.data.load("cora" if args.root else "digits", args.root)
)

# Samples are nodes. A fold hides the labels of the nodes that it judges.
known, labels = data.train.numpy(), data.y[data.train].numpy()
model = CondensedClassifier(Condenser(data, model="SGC", training={"epochs": args.epochs}))
search = GridSearchCV(
    model,
    {"condenser__method": args.methods, "condenser__nodes": args.nodes},
    scoring="accuracy",
    cv=StratifiedKFold(args.folds, shuffle=True, random_state=0),
).fit(known, labels)

results = search.cv_results_
for params, mean, std in zip(
    results["params"], results["mean_test_score"], results["std_test_score"], strict=True
):
    method, nodes = params["condenser__method"], params["condenser__nodes"]
    print(f"{method:<10} {nodes:>3} nodes  {100 * mean:.1f} ± {100 * std:.1f} % of held-out nodes")

best = search.best_estimator_.condenser_
print(f"best: {best.small_}")
print(f"{100 * best.score(data.test):.1f} % test accuracy, of nodes that no fit has seen")
