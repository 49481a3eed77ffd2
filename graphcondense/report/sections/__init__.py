"""The sections of the page, a file each; the templates give them their form."""

from graphcondense.report.sections.condensed import condensed
from graphcondense.report.sections.cost import ledger
from graphcondense.report.sections.curves import curves
from graphcondense.report.sections.further import further
from graphcondense.report.sections.models import known_of, works
from graphcondense.report.sections.parts import Key
from graphcondense.report.sections.reproduce import flags, reproduce
from graphcondense.report.sections.summary import summary
from graphcondense.report.sections.transfer import LEVELS, transfer

__all__ = [
    "LEVELS",
    "Key",
    "condensed",
    "curves",
    "flags",
    "further",
    "known_of",
    "ledger",
    "reproduce",
    "summary",
    "transfer",
    "works",
]
