"""`processender-init`: `run` without its name, lean, in one file that needs no installed package."""

from __future__ import annotations

import gc
import sys

from .. import __version__
from ..agent import kernel
from ..demand import load
from ..hints import NoReturn
from ..inits.names import become, personality


def main() -> NoReturn:
    """Run with the words of the process, or be the init under whose name it was called."""
    words = sys.argv[1:]
    room = personality(sys.argv[0])
    if room:
        become(room, sys.argv[0], words)
    mask = kernel.block()
    gc.disable()
    if words in (["--version"], ["-V"]):
        kernel.restore(mask)
        load("cli.output").say(f"processender-init {__version__}")
        sys.exit(0)
    load("cli.run").main(words, mask, init=True)
    raise AssertionError("an agent leaves by os._exit")
