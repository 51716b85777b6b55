"""From a path to blocks of decoded records with their exact bytes."""

from datalint.source.block import Block, Fault
from datalint.source.files import DataFile, discover
from datalint.source.open import Source, open_source

__all__ = ["Block", "DataFile", "Fault", "Source", "discover", "open_source"]
