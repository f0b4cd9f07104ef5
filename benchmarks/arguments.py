"""What the benchmarks' command lines share."""

import argparse


def positive(text: str) -> int:
    """A whole number above 0, as an argument's type.

    Raises:
        argparse.ArgumentTypeError: if the text is none; argparse says so in one line.
    """
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
