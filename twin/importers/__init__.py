"""Importers: other people's files become scenario files; what does not fit is said by name."""

from twin.importers.draft import Draft, ImportOptions
from twin.importers.formats import FORMATS, read_draft
from twin.importers.writing import Written, write_scenario

__all__ = ["FORMATS", "Draft", "ImportOptions", "Written", "read_draft", "write_scenario"]
