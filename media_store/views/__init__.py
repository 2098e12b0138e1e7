from __future__ import annotations

from media_store.views.files import stored_file
from media_store.views.parts import part_image, part_image_count, upload_part_image
from media_store.views.videos import upload_video, video, video_thumbnail

__all__ = [
    "part_image",
    "part_image_count",
    "stored_file",
    "upload_part_image",
    "upload_video",
    "video",
    "video_thumbnail",
]
