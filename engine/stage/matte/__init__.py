"""The matte: the picture's subject without the model's background."""
