"""Control pictures: what a ControlNet is shown of a source picture, and how well it was followed.

One detector a module, each a frozen dataclass called with a picture; `registry` names them.
"""
