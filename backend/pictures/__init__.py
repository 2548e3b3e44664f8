"""Pictures in, before any model sees them: decoding uploads, fitting, masks, fills, canvases.

NumPy, OpenCV and Pillow only; every picture is (H, W, 3) uint8 RGB, every mask that was prepared
is (H, W) float32 with 1 where the picture is repainted.
"""
