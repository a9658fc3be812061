"""The pages of a whole summer, built once for all tests of a file."""

from pathlib import Path

import pytest

from tests.pipelines.publish.site.summer import build, look
from tests.watching import Watch


@pytest.fixture(scope="module")
def summer(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """A data folder after three nights."""
    watch = Watch(tmp_path_factory.mktemp("summer") / "data")
    for number in (1, 2, 3):
        look(watch, number)
    return watch


@pytest.fixture(scope="module")
def site(summer: Watch) -> Path:
    """Its pages."""
    folder = summer.data / "site"
    build(summer, folder)
    return folder
