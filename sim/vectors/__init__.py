"""Test vectors: a folder of tensors, streams and a manifest."""
