"""Why an upload is not taken: one plain sentence, the same for the API and for forms."""

from __future__ import annotations

from media_store.processing import ImageRefused

STATUSES = {"too_large": 413, "not_an_image": 415, "not_a_video": 415, "placeholder": 400, "decoder_busy": 503}

NOT_A_VIDEO = "This is not an MP4 or WebM video."
DECODER_BUSY = "Pictures cannot be decoded just now. Try again in a minute."


class UploadRefused(Exception):
    """An upload that is not taken; the message is a sentence for people, `code` a word for programs."""

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or STATUSES.get(code, 400)


def too_large(max_bytes: int) -> UploadRefused:
    return UploadRefused("too_large", f"The file is larger than {max_bytes:,} bytes.")


def not_a_video() -> UploadRefused:
    return UploadRefused("not_a_video", NOT_A_VIDEO)


def of_image(refusal: ImageRefused) -> UploadRefused:
    """Say it as the sandbox said it."""
    return UploadRefused(refusal.verdict, str(refusal))


def decoder_busy() -> UploadRefused:
    return UploadRefused("decoder_busy", DECODER_BUSY)
