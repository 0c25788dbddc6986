"""What tests of every app share: one browser, and no memory of the test before."""

from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium. Its tests are marked `browser`."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("there is no Chromium")
    # Playwright's loop runs in this thread; what the tests themselves do is as synchronous as ever.
    with pytest.MonkeyPatch.context() as patch, sync_api.sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def no_kept_menus():
    """Tests change menus without a new version, and use ids again."""
    # Not above: Django is set up only now.
    from orders.services.kept_menus import kept_menus

    kept_menus.clear()
