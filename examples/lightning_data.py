"""A Lightning data module: train on a set of the zoo, test on the real graph."""

import argparse

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torch_geometric.nn import GCN

import graphcondense
from graphcondense import zoo

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--set", default="digits-50", help="of the zoo, see graphcondense zoo list")
parser.add_argument("--root", help="folder that has its real data; the digits need none")
parser.add_argument("--epochs", type=int, default=100)
args = parser.parse_args()
try:
    import lightning
except ImportError:
    raise SystemExit(print("this example needs lightning: pip install lightning")) from None


class Condensed(lightning.LightningDataModule):
    def setup(self, stage):
        self.small = zoo.load(args.set)
        self.real = graphcondense.data.load(zoo.entries()[args.set].data, args.root)

    def train_dataloader(self):
        return DataLoader([self.small], batch_size=None)

    def test_dataloader(self):
        return DataLoader([self.real], batch_size=None)


class Classifier(lightning.LightningModule):
    def __init__(self, features, classes):
        super().__init__()
        self.net = GCN(features, 128, 2, classes, dropout=0.5)

    def training_step(self, small):
        return F.cross_entropy(self.net(small.x, small.edge_index, small.edge_weight), small.y)

    def test_step(self, real):
        right = self.net(real.x, real.edge_index).argmax(1) == real.y
        self.log("test", right[real.test_mask].float().mean(), batch_size=1)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01, weight_decay=5e-4)


lightning.seed_everything(0, verbose=False)
quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)
trainer = lightning.Trainer(max_epochs=args.epochs, accelerator="cpu", **quiet)
data, (n, classes) = Condensed(), zoo.load(args.set).y.shape
trainer.fit(Classifier(zoo.load(args.set).num_features, classes), data)
(found,) = trainer.test(trainer.model, data, verbose=False)
print(f"{100 * found['test']:.1f} % test accuracy, trained on {n} nodes")
