"""Packages of the distribution: installed only where something needed is missing."""

from __future__ import annotations

import os

from deploy.shell import run


def install(*names: str, what: str, fix: str, within_s: float) -> None:
    """Installs Debian packages, after reading the lists, which a fresh machine does not have yet.

    Args:
        names: of the packages.
        what: what they are installed for, as in "installing the Docker engine".
        fix: what to do when that does not work.
        within_s: patience with the installation in seconds.

    Raises:
        Problem: we are not root, there is no apt, or the registry cannot be reached.
    """
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], what="reading the package lists", env=env, fix=fix, timeout_s=300)
    argv = ["apt-get", "install", "-qy", "--no-install-recommends", *names]
    run(argv, what=what, env=env, fix=fix, timeout_s=within_s)
