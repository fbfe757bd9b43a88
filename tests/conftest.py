"""Settings of the whole suite."""

import os

from hypothesis import settings

# Every run tries the same examples, so that a change fails because of what it changed.
# HYPOTHESIS_PROFILE=explore looks for new ones, many more of them.
settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=2000, deadline=None)
# Tests keep no vectors in the user's own cache; those of the cache name a folder of theirs.
os.environ.setdefault("ROUTEWRIGHT_CACHE", "")
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
