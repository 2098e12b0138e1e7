"""What is taken out, by the rows (1-64) of the list of tests for downloads and pictures or by topic, and its test."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = "media_store/addresses.py"
NETWORK = re.compile(r'        "[0-9a-f:.]+/[0-9]+",')

MEDIA = "tests/media_store/"
FORMS = MEDIA + "test_fetch_forms.py::"
ADDRESSES = MEDIA + "test_addresses.py::"
TARGETS = MEDIA + "test_fetch_addresses.py::"
LIMITS = MEDIA + "test_fetch_limits.py::"
TLS = MEDIA + "test_fetch_tls.py::"
DECODING = MEDIA + "test_processing.py::"
SANDBOX = MEDIA + "test_sandbox.py::"
HOSTS = MEDIA + "test_photo_hosts.py::"
RECHECK = MEDIA + "test_photo_recheck.py::"
PLACES = "tests/imports/test_chat_addresses.py::"
TRICK = PLACES + "test_no_trick_leads_out_of_the_media_folder"

FIELDS = MEDIA + "test_fields.py::"

SPECIAL = ADDRESSES + "test_special_addresses_are_refused_in_every_form"
WHOLE = ADDRESSES + "test_the_list_is_whole"
WRITTEN = FORMS + "test_an_address_inside_is_refused_however_it_is_written"
ANSWERED = FORMS + "test_a_name_that_leads_inside_is_refused"
UNSAFE = TARGETS + "test_an_address_that_is_no_public_web_address_is_refused_before_any_look_up"

CARRIED_OVER = (
    'exif=small.info.get("exif", b""), icc_profile=small.info.get("icc_profile"), xmp=small.info.get("xmp", b"")'
)


@dataclass(frozen=True)
class Mutant:
    """Replace `old`, which is in `file` once, by `new`: then `test` fails, or with `hangs` may also wait for ever."""

    rows: str
    file: str
    old: str
    new: str
    test: str
    hangs: bool = False

    def __str__(self) -> str:
        return f"{self.rows} {self.file} {self.old.strip().splitlines()[0]!r} ({self.test.rpartition('::')[2]})"


def address(rows: str, old: str, test: str = SPECIAL, new: str = "") -> Mutant:
    return Mutant(rows, LIST, old, new, test)


def fetching(rows: str, old: str, new: str, test: str, *, hangs: bool = False) -> Mutant:
    return Mutant(rows, "media_store/fetching.py", old, new, test, hangs)


def transport(rows: str, old: str, new: str, test: str, *, hangs: bool = False) -> Mutant:
    return Mutant(rows, "media_store/transport.py", old, new, test, hangs)


def decoding(rows: str, old: str, new: str, test: str) -> Mutant:
    return Mutant(rows, "media_store/processing.py", old, new, DECODING + test)


def child(rows: str, old: str, new: str, test: str) -> Mutant:
    return Mutant(rows, "media_store/sandbox_child.py", old, new, SANDBOX + test)


def grants(old: str, new: str, test: str, *, file: str = "grants") -> Mutant:
    return Mutant("grants", f"imports/accounts/{file}.py", old, new, "tests/imports/test_account_at_once.py::" + test)


def media(old: str, new: str, test: str) -> Mutant:
    return Mutant("chats", "imports/beeper/media.py", old, new, test)


def attachments(file: str, old: str, new: str, test: str) -> Mutant:
    return Mutant("chats", file, old, new, "tests/imports/test_chat_attachments.py::" + test)


def pictures(file: str, old: str, new: str, test: str) -> Mutant:
    return Mutant("chats", file, old, new, "tests/imports/test_chat_pictures.py::" + test)


ADDRESS_GUARDS = [
    *(address("1-33", f"{line}\n", WHOLE) for line in (ROOT / LIST).read_text().splitlines() if NETWORK.match(line)),
    fetching("1-34", "not all(is_allowed(address) for address in addresses)", "False", WRITTEN),
    fetching("36", "not all(is_allowed", "not any(is_allowed",
             FORMS + "test_one_address_inside_among_public_ones_refuses_the_name"),
    fetching("1-34 as redirect", "following = parse_target(urljoin(target.url, place), allowed_hosts=allowed_hosts)",
             "following = parse_target(urljoin(target.url, place), allowed_hosts=[*allowed_hosts, "
             "f'{urlsplit(place).hostname}:80'])", FORMS + "test_a_redirect_inside_is_refused_however_it_is_written"),
    address("30", "(int(ip) >> 32) & 0xFFFFFFFF in ISATAP", new="False"),
    address("31", "ip.scope_id or ", new="False or "),
    address("40", " and ip not in own_addresses()",
            ADDRESSES + "test_an_address_of_this_machine_is_refused_even_if_it_is_public"),
    address("35", "return ip.is_global and", FORMS + "test_public_addresses_are_dialled",
            new="return not ip.is_global and"),
]  # fmt: skip

NAME_GUARDS = [
    transport("37", "netloc = self._address if parts.port is None",
              "netloc = (parts.hostname or '') if parts.port is None",
              FORMS + "test_a_second_answer_is_never_asked_for"),
    fetching("38", "if not target.is_named and not all", "if target.is_named and not all", ANSWERED),
    transport("39", "answers.get(timeout=seconds)", "answers.get(timeout=9)",
              LIMITS + "test_a_look_up_that_hangs_is_left_behind"),
    transport("39", "except (OSError, UnicodeError) as error:", "except UnicodeError as error:",
              LIMITS + "test_a_name_without_an_address_is_a_failed_connection"),
    fetching("41", "if len(url) > MAX_URL or UNSAFE.search(url):", "if len(url) > MAX_URL:", UNSAFE),
    fetching("41", "len(url) > MAX_URL or ", "", UNSAFE),
    fetching("41", 'if len(host) > MAX_HOST or "%" in host:', 'if "%" in host:', UNSAFE),
    fetching("31, 41", 'if len(host) > MAX_HOST or "%" in host:', "if len(host) > MAX_HOST:", UNSAFE),
    fetching("41", "if parts.username is not None or parts.password is not None:", "if False:", UNSAFE),
    fetching("7, 41", 'if not is_literal and ("." not in target.host or target.host.endswith(PRIVATE_ENDINGS)):',
             "if False:", UNSAFE),
    fetching("41", 'host = host.encode("idna").decode("ascii").lower()', "pass",
             TARGETS + "test_digits_of_another_script_are_read_as_a_browser_does"),
    fetching("42", "if parts.scheme not in PORTS or not host:", "if not host:", UNSAFE),
    fetching("43", "if target.port != PORTS[target.parts.scheme]:", "if False:", UNSAFE),
    fetching("40, 43", "is_named=pair in {allowed.lower() for allowed in allowed_hosts}",
             "is_named=host in {allowed.lower().rpartition(':')[0] for allowed in allowed_hosts}",
             TARGETS + "test_a_named_pair_lifts_the_rules_for_exactly_that_pair"),
]  # fmt: skip

PROTOCOL_GUARDS = [
    transport("44", 'pool_kwargs.update({"assert_hostname": name, "server_hostname": name})',
              'pool_kwargs.update({"assert_hostname": False, "server_hostname": name})',
              TLS + "test_a_certificate_for_another_name_or_time_is_refused"),
    fetching("44", "            stream=True,\n", "            stream=True,\n            verify=False,\n",
             TLS + "test_a_certificate_that_nobody_vouches_for_is_refused"),
    transport("45", '"server_hostname": name}', '"server_hostname": None}',
              TLS + "test_a_valid_certificate_is_accepted_and_asked_for_by_name"),
    fetching("46", "session.trust_env = False", "session.trust_env = True",
             TARGETS + "test_cookies_proxies_and_passwords_of_the_environment_are_not_used"),
    fetching("47", "for _ in range(MAX_REDIRECTS + 1):", "for _ in range(9):",
             TARGETS + "test_a_redirect_to_itself_ends"),
    fetching("48", "MAX_REDIRECTS = 3", "MAX_REDIRECTS = 4", TARGETS + "test_a_fourth_redirect_is_not_followed"),
    fetching("49", "allow_redirects=False", "allow_redirects=True",
             TARGETS + "test_a_redirect_is_checked_as_strictly_as_the_first_address"),
    fetching("50", "if target.is_https and not following.is_https:", "if False:",
             TLS + "test_a_redirect_from_https_to_http_is_refused"),
    fetching("51", "if parts.scheme not in PORTS or not host:", 'if parts.scheme == "ftp" or not host:',
             TARGETS + "test_a_redirect_is_checked_as_strictly_as_the_first_address"),
    fetching("52", 'if response.status_code in REDIRECTS and "Location" in response.headers:',
             "if response.status_code in REDIRECTS:",
             TARGETS + "test_a_redirect_without_a_place_is_an_error_of_the_server"),
    fetching("53", "target = _redirected(target, answer, allowed_hosts=allowed_hosts)",
             'target, headers = _redirected(target, answer, allowed_hosts=allowed_hosts), headers | {"Cookie": "id=1"}',
             TARGETS + "test_a_cookie_is_not_carried_to_the_next_hop"),
]  # fmt: skip

BODY_GUARDS = [
    fetching("54", "if length is not None and length > max_bytes:", "if False:",
             LIMITS + "test_a_file_that_announces_too_much_is_refused_before_its_body"),
    fetching("55", "    body = bytearray()\n",
             "    body = bytearray()\n    response.raw.enforce_content_length = False\n",
             LIMITS + "test_a_body_shorter_than_its_length_is_no_picture"),
    fetching("55", 'if "," in declared:', "if False:", LIMITS + "test_a_body_with_two_lengths_is_no_picture"),
    fetching("56", "if len(body) > max_bytes:", "if False:",
             LIMITS + "test_an_endless_chunked_body_is_cut_at_the_limit"),
    fetching("57", 'if headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):', "if False:",
             LIMITS + "test_a_compressed_answer_is_refused"),
    fetching("57", '"Accept-Encoding": "identity"', '"Accept-Encoding": "gzip"',
             TARGETS + "test_cookies_proxies_and_passwords_of_the_environment_are_not_used"),
    transport("58", "        self._deadline.watch(connected)\n", "",
              LIMITS + "test_a_server_that_drips_is_cut_off_at_the_deadline", hangs=True),
    transport("58", "watched.shutdown(socket.SHUT_RDWR)", "pass",
              LIMITS + "test_a_server_that_drips_is_cut_off_at_the_deadline", hangs=True),
    fetching("58", "    deadline.remaining(at_most=0)\n", "",
             LIMITS + "test_a_server_that_drips_is_cut_off_at_the_deadline", hangs=True),
    fetching("59", "    _refuse_status(response)\n", "", LIMITS + "test_every_status_has_its_verdict"),
    fetching("59", "if response.status_code == 304:", "if False:", LIMITS + "test_unchanged_content_is_none"),
    fetching("59", "raise FetchError(verdict, message, retry_after=retry_after)", "raise FetchError(verdict, message)",
             LIMITS + "test_a_server_that_asks_to_wait_is_heard"),
    fetching("59", "    if not body:\n        raise", "    if False:\n        raise",
             LIMITS + "test_an_empty_file_is_no_picture"),
    fetching("59", "if length is None and not body:", "if False:",
             LIMITS + "test_a_connection_that_closes_early_is_a_failed_one"),
]  # fmt: skip

CONTENT_GUARDS = [
    decoding("60", "formats=FORMATS)", 'formats=(*FORMATS, "BMP", "TIFF", "ICO"))',
             "test_what_is_no_picture_of_the_web_is_refused"),
    decoding("61", "            _refuse_size(image)\n", "", "test_a_picture_of_too_many_pixels_is_refused_unread"),
    decoding("61", "max(width, height) > MAX_SIDE or ", "", "test_a_picture_of_too_many_pixels_is_refused_unread"),
    decoding("61", " or width * height > limit", "", "test_a_picture_of_too_many_pixels_is_refused_unread"),
    decoding("62", "if max(width, height) > MAX_ASPECT * min(width, height):", "if False:",
             "test_a_strip_is_not_a_picture"),
    decoding("62", "ImageFile.LOAD_TRUNCATED_IMAGES = False", "ImageFile.LOAD_TRUNCATED_IMAGES = True",
             "test_a_truncated_picture_is_refused"),
    decoding("62", "if min(image.size) == 1 or ", "if ", "test_a_line_of_dots_is_a_placeholder"),
    decoding("62", "and _is_flat(small)", "and False", "test_one_dot_and_one_single_colour_are_placeholders"),
    decoding("62", 'if image.mode.startswith("I"):', "if False:", "test_every_mode_of_png_keeps_its_brightness"),
    decoding("62", 'if "transparency" in image.info and', "if False and", "test_what_is_transparent_becomes_white"),
    decoding("62", 'if image.mode in ("LA", "RGBA"):', "if False:", "test_what_is_transparent_becomes_white"),
    decoding("62", "if profile and len(profile) <= MAX_PROFILE_BYTES:", "if False:",
             "test_colours_are_converted_by_the_profile_of_the_picture"),
    decoding("63", "return small if method is None else small.transpose(method)", "return small",
             "test_the_picture_is_upright_whatever_its_orientation"),
    decoding("63", "    6: Image.Transpose.ROTATE_270,", "    6: Image.Transpose.ROTATE_90,",
             "test_the_picture_is_upright_whatever_its_orientation"),
    decoding("63", 'exif=b"", icc_profile=None, xmp=b""', CARRIED_OVER, "test_nothing_but_the_pixels_is_left"),
    Mutant("63", "media_store/optimizing.py", 'exif=b"", icc_profile=None, xmp=b""', CARRIED_OVER,
           FIELDS + "test_it_is_upright_and_says_nothing_about_where_it_was_taken"),
    decoding("61", 'if len(image.info.get("exif", b"")) > MAX_EXIF_BYTES:', "if False:",
             "test_exif_data_of_many_kilobytes_are_not_looked_into"),
    decoding("61", "if profile and len(profile) <= MAX_PROFILE_BYTES:", "if profile:",
             "test_colours_are_converted_by_the_profile_of_the_picture"),
]  # fmt: skip

SANDBOX_GUARDS = [
    child("64", "        resource.RLIMIT_AS: MEMORY_BYTES,\n", "",
          "test_a_crash_a_memory_bomb_or_a_written_file_costs_one_picture"),
    child("64", "        resource.RLIMIT_FSIZE: 0,\n", "",
          "test_a_crash_a_memory_bomb_or_a_written_file_costs_one_picture"),
    child("64", "        resource.RLIMIT_NOFILE: OPEN_FILES,\n", "", "test_a_child_has_its_limits"),
    child("64", "        resource.RLIMIT_CORE: 0,\n", "", "test_a_child_has_its_limits"),
    child("64", "        allow_cpu(CPU_SECONDS)\n", "", "test_a_child_has_its_limits"),
    child("64", "    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)\n", "", "test_a_child_has_its_limits"),
    child("64", "    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)\n", "",
          "test_children_die_with_their_parent"),
    Mutant("64", "media_store/sandbox.py", "        timer.start()\n", "",
           SANDBOX + "test_a_hang_is_ended_at_the_deadline"),
    Mutant("64", "media_store/sandbox.py", "            env=ENVIRONMENT,\n", "",
           SANDBOX + "test_a_child_sees_no_secrets"),
    Mutant("64", "media_store/sandbox.py", "if -code in CRASHES:", "if False:",
           SANDBOX + "test_a_crash_a_memory_bomb_or_a_written_file_costs_one_picture"),
]  # fmt: skip

JOB_GUARDS = [
    Mutant("hosts", "media_store/hosts.py", " and len(row.busy) < AT_ONCE", "",
           HOSTS + "test_two_downloads_of_a_host_may_begin_and_the_others_stand_in_line"),
    Mutant("hosts", "media_store/hosts.py", "not is_early and ", "",
           HOSTS + "test_no_minute_has_more_than_sixty_beginnings"),
    Mutant("hosts", "media_store/hosts.py", "if blocked_until <= now and ", "if ",
           HOSTS + "test_a_server_that_asks_to_wait_is_left_alone_as_a_whole"),
    Mutant("hosts", "media_store/hosts.py", "case when known.failures >= 2 then %s else %s end",
           "case when known.failures >= 9 then %s else %s end",
           HOSTS + "test_an_address_that_failed_rests_for_an_hour_and_after_three_failures_for_a_day"),
    Mutant("hosts", "media_store/storing.py", "if result.job.pk in final)", "if result.failure)",
           HOSTS + "test_a_failure_that_may_pass_is_remembered_only_when_it_is_final"),
    Mutant("gone", "media_store/storing.py", "job.absent_since <= statement_timestamp() - interval '{WEEK}'",
           "job.absent_since is not null", RECHECK + "test_a_picture_is_gone_when_it_is_absent_twice_a_week_apart"),
    Mutant("re-check", "media_store/photos.py", "**_due(priority), **forgotten)",
           '**_due(priority), etag="", last_modified="")',
           RECHECK + "test_an_unchanged_picture_costs_one_answer_without_a_body"),
    Mutant("pipeline", "media_store/pipeline.py", "            self._claim_more()\n", "",
           HOSTS + "test_a_slow_server_does_not_keep_the_others_waiting"),
]  # fmt: skip

CHAT_GUARDS = [
    media('segment in ("", ".", "..")', 'segment in ("",)', TRICK),
    media('segment in ("", ".", "..")', 'segment in (".", "..")', TRICK),
    media("    _refuse_tricks(path[1:])\n    return path", "    return path", TRICK),
    media('    _refuse_tricks(found[3].partition("?")[0])\n', "", TRICK),
    media('        if decoded.count("/") != path.count("/"):', "        if False:", TRICK),
    media("        path = decoded\n", "        return\n", TRICK),
    media("        if UNSAFE.search(path) or any(", "        if any(", TRICK),
    media('    if not path.startswith("/"):', "    if False:", TRICK),
    media("found is None or UNSAFE.search(address)", "found is None", TRICK),
    media('parts.netloc not in ("", "localhost") or ', "", TRICK),
    media("or parts.query or parts.fragment:", ":", TRICK),
    media("    if found is None:\n        raise FetchError(Verdict.UNSAFE, \"The file is not in the media",
          "    if False:\n        raise FetchError(Verdict.UNSAFE, \"The file is not in the media", TRICK),
    media("if OWN_MEDIA.search(path) is None:", "if False:", TRICK),
    media("OWN_MEDIA.search(path) is None", "ANY_MEDIA.search(path) is None",
          PLACES + "test_beeper_itself_is_asked_only_for_its_own_folder"),
    media('return _served(f"file://{quote(path)}", connection)', "return _served(address, connection)",
          PLACES + "test_without_a_media_server_beeper_is_asked_for_the_path_that_was_checked"),
    media("{quote(found['rest'])}", "{found['rest']}",
          PLACES + "test_a_local_path_becomes_one_below_the_media_server"),
    Mutant("chats", "imports/beeper/connection.py", "    if pair not in allowed:", "    if False:",
           PLACES + "test_a_member_can_connect_no_server_that_the_settings_do_not_name"),
    Mutant("chats", "imports/beeper/client.py", 'else quote(text, safe="")', "else text",
           PLACES + "test_an_id_of_a_chat_leads_to_no_other_address"),
    attachments("imports/beeper/attachments.py", "            allow_redirects=False,\n", "",
                "test_redirects_are_not_followed"),
    attachments("imports/beeper/views.py", ".visible_to(request.user)", ".all()",
                "test_a_stranger_is_turned_away_before_anything_is_asked"),
    attachments("imports/beeper/attachments.py", "filter(pk=attachment.chat.account_key, owner_id=attachment.owner_id)",
                "filter(owner_id=attachment.owner_id)", "test_without_the_account_there_is_no_file"),
    attachments("imports/beeper/attachments.py", "int(declared) > settings.ATTACHMENT_MAX_BYTES", "False",
                "test_a_file_over_the_limit_is_not_sent"),
    attachments("imports/beeper/attachments.py", "for name in PASSED_ON if name in response.headers",
                "for name in response.headers", "test_headers_of_the_other_side_do_not_come_through"),
    attachments("imports/beeper/attachments.py", "        allowed_hosts=settings.PHOTO_ALLOWED_HOSTS,\n",
                '        allowed_hosts=["127.0.0.1:" + address.split(":")[2].split("/")[0]],\n',
                "test_a_web_address_goes_through_the_guarded_fetcher"),
    pictures("imports/beeper/fetching.py", "account.owner_id != job.owner_id", "False",
             "test_the_account_of_somebody_else_gives_no_picture"),
    pictures("contacts/chats/caching.py", "if chat.is_picture_blocked or not chat.picture_url:", "if False:",
             "test_a_blocked_picture_is_neither_fetched_nor_woken"),
    pictures("contacts/chats/caching.py", "and job.source_url <> chat.picture_url", "",
             "test_a_second_sync_queues_no_picture_again"),
]  # fmt: skip

GRANT_GUARDS = [
    grants("return lease if rows.update(refresh_lease=lease, refresh_lease_until=Now() + LEASE) else None",
           "return lease", "test_twenty_callers_in_two_processes_make_one_request"),
    grants("is_free, pk=grant.account.pk, grant_version=grant.version,", "is_free, pk=grant.account.pk,",
           "test_nobody_renews_with_what_was_read_before_somebody_else_has_renewed"),
    grants("filter(pk=grant.account.pk, grant_version=grant.version)\n", "filter(pk=grant.account.pk)\n",
           "test_a_late_answer_does_not_replace_what_a_person_has_signed_in_for"),
    grants("if version is not None:", "if False:",
           "test_a_late_answer_does_not_replace_what_a_person_has_signed_in_for", file="holding"),
]  # fmt: skip

MUTANTS = [
    *ADDRESS_GUARDS,
    *NAME_GUARDS,
    *PROTOCOL_GUARDS,
    *BODY_GUARDS,
    *CONTENT_GUARDS,
    *SANDBOX_GUARDS,
    *JOB_GUARDS,
    *CHAT_GUARDS,
    *GRANT_GUARDS,
]
