from __future__ import annotations

from django.urls import path

from media_store import views

urlpatterns = [
    path("files/<path:name>", views.stored_file, name="stored-file"),
    path("images/parts/<int:part_id>", views.part_image, name="part-image"),
    path("images/parts/<int:part_id>/count", views.part_image_count, name="part-image-count"),
    path("images/videos/<uuid:video_id>", views.video_thumbnail, name="video-thumbnail"),
    path("videos/<uuid:video_id>", views.video, name="video"),
    path("uploads/parts/<int:part_id>/images", views.upload_part_image, name="upload-part-image"),
    path("uploads/parts/<int:part_id>/images/<int:index>", views.upload_part_image, name="change-part-image"),
    path("uploads/videos", views.upload_video, name="upload-video"),
    path("uploads/videos/<uuid:video_id>", views.upload_video, name="change-video"),
]
