from __future__ import annotations

import sys
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()
    from tests.media_store.killed_steps import run

    sys.exit(run(sys.argv[1], Path(sys.argv[2]), stride=int(sys.argv[3])))
