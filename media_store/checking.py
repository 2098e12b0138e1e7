"""What would happen to a web address, step by step, without storing anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings

from media_store.fetching import FetchError, fetch
from media_store.models import PhotoJob
from media_store.processing import ImageRefused, sniffed
from media_store.sandbox import SandboxUnavailable, sandbox

Verdict = PhotoJob.Verdict

FOLLOWING = {
    "": "parse",
    "parse": "resolve",
    "redirect": "parse",
    "resolve": "address",
    "address": "connect",
    "connect": "answer",
    "answer": "body",
}

LABELS = {
    "parse": "Reading the address",
    "resolve": "Looking up the name",
    "address": "Is it public?",
    "connect": "Connecting",
    "answer": "The server's answer",
    "redirect": "Sent on to",
    "body": "Downloading",
    "sniff": "What the bytes are",
    "decode": "Decoding",
}


@dataclass(frozen=True)
class Step:
    """One thing that was done, and what was found or why it ended there."""

    name: str
    detail: str
    is_good: bool = True

    @property
    def label(self) -> str:
        return LABELS[self.name]


@dataclass
class Report:
    """The steps in their order and the verdict that a photo job would get."""

    url: str
    verdict: str = Verdict.OK
    steps: list[Step] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return self.verdict == Verdict.OK

    @property
    def label(self) -> str:
        return str(Verdict(self.verdict).label)

    def add(self, name: str, detail: str) -> None:
        self.steps.append(Step(name, detail))

    def end(self, name: str, verdict: str, detail: str) -> Report:
        self.verdict = verdict
        self.steps.append(Step(name, detail, is_good=False))
        return self


def check_url(url: str) -> Report:
    """Download and decode the picture at `url` with all guards of a photo job; say what each of them found."""
    report = Report(url)
    try:
        fetched = fetch(
            url,
            allowed_hosts=settings.PHOTO_ALLOWED_HOSTS,
            max_bytes=settings.PHOTO_MAX_BYTES,
            deadline_seconds=settings.PHOTO_DEADLINE_SECONDS,
            trace=report.add,
        )
    except FetchError as error:
        last = report.steps[-1].name if report.steps else ""
        return report.end(FOLLOWING[last], error.verdict, str(error))
    content = fetched.content or b""
    report.add("body", f"{len(content):,} bytes.")
    kind = sniffed(content)
    if not kind:
        return report.end("sniff", Verdict.NOT_AN_IMAGE, "The bytes are not a JPEG, PNG, WebP, GIF or AVIF.")
    report.add("sniff", f"The bytes are {kind}, whatever the server calls them.")
    try:
        webp = sandbox.square_webp(content)
    except ImageRefused as refusal:
        return report.end("decode", refusal.verdict, str(refusal))
    except SandboxUnavailable as problem:
        return report.end("decode", Verdict.STORAGE_ERROR, str(problem))
    report.add("decode", f"A WebP of 400 x 400 pixels and {len(webp):,} bytes.")
    return report
