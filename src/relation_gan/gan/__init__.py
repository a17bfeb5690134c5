"""The library: losses, regularisers, networks, metrics, data and the training step.

Pure PyTorch. Nothing in here knows Kedro or MLflow, so it can be used on its own.
"""
