"""The panels of the live view, drawn into uint8 RGB arrays by NumPy, with Pillow for letters and marks; no pygame."""
