"""Compare relation, metric and ranking losses for generative adversarial networks."""

import warnings

__version__ = "0.1.0"

# Kedro, kedro-mlflow and MLflow warn of each other's and of their own coming changes at every start,
# before the settings are read.
for _message in (
    r"Option '--pipeline' is deprecated",
    r"register_new_resolver\(\) is deprecated",
    r"One or more dataset names contain '\.'",
    r"[\s\S]*Add type hints to the `predict` method",
    r"[\s\S]*An input example was not provided",
):
    warnings.filterwarnings("ignore", message=_message)
