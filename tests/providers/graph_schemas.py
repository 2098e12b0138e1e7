"""JSON Schemas for Microsoft Graph, written by hand.

Graph publishes its types as OData metadata, not as JSON Schema. These follow the documentation's resource types
contact, contactFolder, emailAddress, physicalAddress, user and profilePhoto, what we select of message and event, and
its pages on delta queries, JSON batching and error responses (learn.microsoft.com/graph/api/resources/… and
/graph/errors): every documented key with its type, and nothing else.
"""

from __future__ import annotations

from tests.providers.schemas import OAUTH_SHAPES, Schema

_STRING: Schema = {"type": ["string", "null"]}
_STRINGS: Schema = {"type": "array", "items": {"type": "string"}}
_MOMENT: Schema = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_ID: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9+/=_-]{16,}$"}


def _object(properties: dict[str, Schema], *, required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


ADDRESS = _object({name: {"type": "string"} for name in ("street", "city", "state", "countryOrRegion", "postalCode")})
EMAIL_ADDRESS = _object({"name": _STRING, "address": _STRING})
TEXT_FIELDS = (
    *("assistantName", "businessHomePage", "changeKey", "companyName", "department", "displayName", "fileAs"),
    *("generation", "givenName", "initials", "jobTitle", "manager", "middleName", "mobilePhone", "nickName"),
    *("officeLocation", "parentFolderId", "personalNotes", "profession", "spouseName", "surname", "title"),
    *("yomiCompanyName", "yomiGivenName", "yomiSurname"),
)
LIST_FIELDS = ("businessPhones", "categories", "children", "homePhones", "imAddresses")
ADDRESS_FIELDS = ("businessAddress", "homeAddress", "otherAddress")
CONTACT_FIELDS: dict[str, Schema] = {
    **dict.fromkeys(TEXT_FIELDS, _STRING),
    **dict.fromkeys(LIST_FIELDS, _STRINGS),
    **dict.fromkeys(("birthday", "createdDateTime", "lastModifiedDateTime"), _MOMENT),
    **dict.fromkeys(ADDRESS_FIELDS, ADDRESS),
    "emailAddresses": {"type": "array", "items": EMAIL_ADDRESS},
}
ODATA: dict[str, Schema] = {"@odata.etag": _STRING, "@odata.type": {"const": "#microsoft.graph.contact"}}
CONTACT = _object({**CONTACT_FIELDS, **ODATA, "id": _ID}, required=("id",))
REMOVED = _object(
    {**ODATA, "id": _ID, "@removed": _object({"reason": {"enum": ["deleted", "changed"]}}, required=("reason",))},
    required=("id", "@removed"),
)
FOLDER = _object(
    {"id": _ID, "displayName": _STRING, "parentFolderId": _STRING}, required=("id", "displayName", "parentFolderId")
)
LINK: Schema = {"type": "string", "pattern": "^https?://"}


def _collection(item: Schema, *, links: tuple[str, ...] = ("@odata.nextLink",)) -> Schema:
    properties: dict[str, Schema] = {"@odata.context": LINK, "value": {"type": "array", "items": item}}
    collection = _object({**properties, **dict.fromkeys(links, LINK)}, required=("@odata.context", "value"))
    return {**collection, "not": {"required": list(links)}} if len(links) > 1 else collection


ERROR = _object(
    {
        "error": _object(
            {
                "code": {"type": "string", "minLength": 1},
                "message": {"type": "string"},
                "innerError": _object(
                    {"date": _STRING, "request-id": _STRING, "client-request-id": _STRING}, required=("request-id",)
                ),
            },
            required=("code", "message"),
        )
    },
    required=("error",),
)
BATCH = _object(
    {
        "responses": {
            "type": "array",
            "items": _object(
                {
                    "id": {"type": "string"},
                    "status": {"type": "integer"},
                    "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                    "body": {"type": ["string", "object"]},
                },
                required=("id", "status"),
            ),
        }
    },
    required=("responses",),
)
PHOTO = _object(
    {
        **{
            name: {"type": "string"} for name in ("@odata.context", "@odata.mediaContentType", "@odata.mediaEtag", "id")
        },
        "height": {"type": "integer"},
        "width": {"type": "integer"},
    },
    required=("id", "height", "width", "@odata.mediaContentType"),
)
USER = _object(
    {
        "@odata.context": LINK,
        "businessPhones": _STRINGS,
        **dict.fromkeys(("displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation"), _STRING),
        **dict.fromkeys(("preferredLanguage", "surname", "userPrincipalName"), _STRING),
        "id": {"type": "string"},
    },
    required=("id", "userPrincipalName", "displayName", "mail"),
)
RECIPIENT = _object({"emailAddress": EMAIL_ADDRESS})
_RECIPIENTS: Schema = {"type": "array", "items": RECIPIENT}
_FLAG: Schema = {"type": "boolean"}
_RESPONSE = _object({"response": _STRING, "time": _MOMENT})
_WHEN = _object({"dateTime": {"type": "string"}, "timeZone": {"type": "string"}}, required=("dateTime", "timeZone"))
MESSAGE = _object(
    {
        "id": _ID,
        **dict.fromkeys(("conversationId", "subject", "internetMessageId"), _STRING),
        "from": RECIPIENT,
        **dict.fromkeys(("toRecipients", "ccRecipients", "bccRecipients"), _RECIPIENTS),
        **dict.fromkeys(("receivedDateTime", "sentDateTime"), _MOMENT),
        "internetMessageHeaders": {"type": "array", "items": _object({"name": _STRING, "value": _STRING})},
        "isDraft": _FLAG,
    },
    required=("id",),
)
EVENT = _object(
    {
        "id": _ID,
        "subject": _STRING,
        **dict.fromkeys(("isAllDay", "isCancelled"), _FLAG),
        "lastModifiedDateTime": _MOMENT,
        "responseStatus": _RESPONSE,
        **dict.fromkeys(("start", "end"), _WHEN),
        "organizer": RECIPIENT,
        "attendees": {
            "type": "array",
            "items": _object({"type": _STRING, "status": _RESPONSE, "emailAddress": EMAIL_ADDRESS}),
        },
    },
    required=("id",),
)
_DELTA_LINKS = ("@odata.nextLink", "@odata.deltaLink")
SHAPES: dict[str, Schema] = {
    **OAUTH_SHAPES,
    "contact": {**CONTACT, "properties": {**CONTACT["properties"], "@odata.context": LINK}},
    "contacts": _collection(CONTACT),
    "delta": _collection({"anyOf": [CONTACT, REMOVED]}, links=_DELTA_LINKS),
    "messages": _collection({"anyOf": [MESSAGE, REMOVED]}, links=_DELTA_LINKS),
    "events": _collection({"anyOf": [EVENT, REMOVED]}, links=_DELTA_LINKS),
    "folders": _collection(FOLDER),
    "photo": PHOTO,
    "batch": BATCH,
    "user": USER,
    "error": ERROR,
}
