"""Stage 1: the autoencoder, trained here or pretrained, and its codec for the other stages."""
