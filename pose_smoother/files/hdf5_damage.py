"""What HDF5's library takes from a file unchecked, and then hangs or crashes on: checked before.

Both were met by fuzzing HDF5 2.0: an empty object in a global heap, where texts of any length are,
is read for ever; a number whose bits reach beyond its bytes is converted into the memory after it.
"""

from typing import Any

from h5py import h5t

_HEAP = b"GCOL\x01\0\0\0"
_HEADER = 16  # bytes, of a heap and of each object in it
_FLOATS = (
    *(h5t.IEEE_F16LE, h5t.IEEE_F32LE, h5t.IEEE_F64LE, h5t.NATIVE_LDOUBLE),
    *(h5t.IEEE_F16BE, h5t.IEEE_F32BE, h5t.IEEE_F64BE),
)


def check_heaps(raw: bytes, length_bytes: int) -> None:
    """Check that the objects of each global heap in a file follow one another up to its end.

    Parameters
    ----------
    raw : the file.
    length_bytes : the bytes of a length in this file.

    Raises
    ------
    ValueError : the objects of one do not.
    """
    start = raw.find(_HEAP)
    while start >= 0:
        size = int.from_bytes(raw[start + 8 : start + 8 + length_bytes], "little")
        at, end = start + _HEADER, start + size
        whole = at <= end <= len(raw)
        while whole and end - at >= _HEADER:
            index = raw[at] | raw[at + 1] << 8  # 0: what is free, with its header
            size = int.from_bytes(raw[at + 8 : at + 8 + length_bytes], "little")
            taken = _HEADER + -(-size // 8) * 8 if index else size
            whole = _HEADER <= taken <= end - at
            at += taken
        if not whole:
            raise ValueError(f"the global heap at byte {start} is damaged")
        start = raw.find(_HEAP, end)


def checked_attribute(holder: Any, name: str) -> Any:
    """The value of an attribute of an h5py group or dataset, its type checked first.

    Raises
    ------
    ValueError : its type is damaged.
    """
    check_numbers(holder.attrs.get_id(name).get_type())
    return holder.attrs[name]


def check_numbers(kind: Any) -> None:
    """Check that the numbers of an HDF5 type are the usual ones, which fill their bytes.

    Parameters
    ----------
    kind : an ``h5py.h5t.TypeID``; its fields and elements are checked, too.

    Raises
    ------
    ValueError : one is not.
    """
    if isinstance(kind, h5t.TypeCompoundID):
        for field in range(kind.get_nmembers()):
            check_numbers(kind.get_member_type(field))
    elif isinstance(kind, h5t.TypeArrayID | h5t.TypeEnumID | h5t.TypeVlenID):
        check_numbers(kind.get_super())
    elif isinstance(kind, h5t.TypeFloatID):
        if not any(kind.equal(usual) for usual in _FLOATS):
            raise ValueError("expected numbers as IEEE 754 has them, found others")
    elif isinstance(kind, h5t.TypeIntegerID | h5t.TypeBitfieldID) and (
        kind.get_offset() or kind.get_precision() != 8 * kind.get_size()
    ):
        raise ValueError("expected whole numbers that fill their bytes, found others")
