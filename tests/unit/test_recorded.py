"""A test asks the record of a case that is in the run already, and fails when it is not there."""

from pathlib import Path
from typing import Any

import pytest

from tests import judged


def test_a_case_that_is_recorded_is_not_run_again(tmp_path: Path) -> None:
    nobody: Any = None
    folder = tmp_path / "mesh.mtls~permissive"
    folder.mkdir()
    (folder / "case.json").write_text("{}")
    assert judged.recorded("mesh/mtls", "permissive", tmp_path, nobody) == folder
    with pytest.raises(pytest.fail.Exception, match=r"mesh\.mtls was not recorded: see .*mesh\.mtls\.log"):
        judged.recorded("mesh/mtls", None, tmp_path, nobody)
