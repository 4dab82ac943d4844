"""The pipeline's stages: each a Hydra entry point that reads files, makes one core call and writes files."""
