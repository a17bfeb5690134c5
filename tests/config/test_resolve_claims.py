from typing import Any

import pytest

from relation_gan.config import ConfigError
from tests.config.test_config import resolved

BEST: dict[str, Any] = {"best": {"methods": ["a"], "rivals": ["b"], "by": "fid"}}
CLAIM = {"study": "s", "says": "It is so.", "tested_on": ["digits"]}


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ({**CLAIM, **BEST, "rule": 1}, "unknown parameter 'claims.T-1.rule'"),
        (CLAIM, "a claim has one rule: best, reaches, best_at or collapses, not none"),
        ({**CLAIM, **BEST, "reaches": {"methods": ["a"], "by": "fid", "value": 1}}, r"not \['best', 'reaches'\]"),
        (
            {**CLAIM, "best": {**BEST["best"], "by": "novelty"}},
            "'claims.T-1.best.by' is 'novelty': of this measure neither more nor less is known to be better",
        ),
        ({**CLAIM, **BEST, "tested_on": []}, "'claims.T-1.tested_on'.* at least 1 item"),
    ],
)
def test_a_claim_that_cannot_be_read_is_refused(claim: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolved(claims={"T-1": claim})
