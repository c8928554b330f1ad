"""How surely a file is of a format: what a format's ``claims`` returns."""

from enum import IntEnum


class Evidence(IntEnum):
    """Evidence for a format, from nothing to a mark that no other format has."""

    NONE = 0
    ENDING = 1  # the file's ending alone: it may be damaged
    COLUMNS = 2  # endings or beginnings of column names, such as ``nose_x``
    NAMES = 3  # names of columns or keys that more than one tool uses
    MARK = 4  # keys, values or a layout that are this format's own
