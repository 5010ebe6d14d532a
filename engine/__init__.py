"""latentvj: a real-time audio-reactive VJ engine that plays StyleGAN models like an instrument."""

__version__ = "0.1.0"
