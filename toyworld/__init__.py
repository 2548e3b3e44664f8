"""The drawn, captioned world that the built-in model learns, its recipe and its score."""

from toyworld.captions import caption
from toyworld.render import render
from toyworld.scene import HELD_OUT, Scene, Subject, sample_scene

__all__ = ["HELD_OUT", "Scene", "Subject", "caption", "render", "sample_scene"]
