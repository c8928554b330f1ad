"""Text that may come from strangers, as one line that a terminal shows as it is."""


def one_line(text: str) -> str:
    """Text without anything that moves a cursor, breaks a line or reverses letters.

    Such characters are written as escapes, so that a name cannot forge a line of output.

    Examples
    --------
    >>> one_line("a\\nerror: none")
    'a\\\\nerror: none'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
