"""The REST API, version 1: the same use cases as the pages, as JSON, with response models of its own."""
