"""An A/A run: nothing is broken for a minute, so no client may eject anybody and no alert may fire.

What the callers measure meanwhile is the noise floor that figures of later runs are compared with. A failure names what
fired: until it is known why, no other verdict of that cluster should be believed.
"""

from typing import Any

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.certification]


def test_nothing_fires_while_nothing_is_broken(experiment: Any) -> None:
    experiment("baseline/idle").quiet()
