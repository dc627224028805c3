"""An overview and one run as a page of HTML: one file, which asks no network and runs no script but its own."""

from .page import page

__all__ = ["page"]
