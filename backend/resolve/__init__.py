"""A request settled in one place, before any engine sees it.

From what was asked for and the library (`backend.contracts.library`): LoRA tags and wildcards out
of prompts, names, what the model's card recommends, its native size, what can run at all; seeds are
drawn. What comes out is frozen and complete, and is what records say; only an engine may still
refuse it, by the limits of its device.
"""
