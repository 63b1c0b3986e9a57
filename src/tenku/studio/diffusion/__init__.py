"""What pictures, video and sound share: pipelines of diffusers, loaded from folders, stepped, measured and placed."""

import os

# The libraries read these when they are imported, and this file is read before: nothing is ever brought from a hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("CACHE_DIT_LOG_LEVEL", "error")
