"""regenre: how well do these features and classifiers tell genres apart, on this data, under this split?

In a notebook: `from regenre import extract, classify`; see `regenre.inference.api`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regenre.inference.api import classify, extract

__all__ = ["classify", "extract"]


def __getattr__(name: str) -> Any:
    """Import the two when they are asked for: stages and workers start without them."""
    if name in __all__:
        from regenre.inference import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
