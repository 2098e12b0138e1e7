"""Hold answers against what the providers publish.

Google: JSON Schema made from the discovery documents inside google-api-python-client (people.v1, oauth2.v2), with every
unknown key refused. Beeper: the pydantic models of beeper-desktop-api, strict. Graph publishes no JSON Schema:
`graph_schemas` is written by hand from the documentation's resource types. OAuth: RFC 6749, sections 5.1 and 5.2.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import TypeAdapter

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
TOKEN: Schema = {
    "type": "object",
    "properties": {
        "access_token": TEXT,
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer", "minimum": 0},
        "ext_expires_in": {"type": "integer"},
        "refresh_token": TEXT,
        "scope": TEXT,
    },
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "additionalProperties": False,
}
OAUTH_ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "pattern": "^[a-z_]+$"},
        "error_description": {"type": "string"},
        "error_uri": {"type": "string"},
        "error_codes": {"type": "array", "items": {"type": "integer"}},
        "timestamp": TEXT,
        "trace_id": TEXT,
        "correlation_id": TEXT,
    },
    "required": ["error"],
    "additionalProperties": False,
}
# https://cloud.google.com/apis/design/errors
GOOGLE_ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "integer", "minimum": 400, "maximum": 599},
                "message": {"type": "string"},
                "status": {"type": "string", "pattern": "^[A-Z_]+$"},
                "errors": {"type": "array", "items": {"type": "object", "required": ["reason", "domain", "message"]}},
                "details": {"type": "array", "items": {"type": "object", "required": ["@type"]}},
            },
            "required": ["code", "message", "status"],
            "additionalProperties": False,
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}
OAUTH_SHAPES = {"token": TOKEN, "oauth error": OAUTH_ERROR}


def check(payload: Any, schema: Schema) -> None:
    """Raise ValueError with the first fault and where it is, unless `payload` fits `schema`."""
    error = best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(payload))
    if error:
        raise ValueError(f"{error.json_path}: {error.message[:300]}")


@cache
def _validator(schema: str) -> Draft202012Validator:
    parsed: Schema = json.loads(schema)
    Draft202012Validator.check_schema(parsed)
    return Draft202012Validator(parsed)


@cache
def google(name: str, *, document: str = "people.v1") -> Schema:
    """Return the JSON Schema of resource `name` in a discovery document."""
    return _resolved({"$ref": name}, _discovery(document)["schemas"])


@cache
def google_parameters(method: str, *, document: str = "people.v1") -> frozenset[str]:
    """Return the query parameters that a method such as "people.connections.list" knows."""
    node = _discovery(document)
    *path, last = method.split(".")
    for part in path:
        node = node["resources"][part]
    own = node["methods"][last]["parameters"]
    everywhere = _discovery(document)["parameters"]
    return frozenset(name for name, about in {**own, **everywhere}.items() if about["location"] == "query")


@cache
def _discovery(document: str) -> Schema:
    package = importlib.util.find_spec("googleapiclient")
    assert package, "google-api-python-client is a development dependency."
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "discovery_cache" / "documents"
    loaded: Schema = json.loads((folder / f"{document}.json").read_text())
    return loaded


def _resolved(node: Schema, schemas: Schema, above: frozenset[str] = frozenset()) -> Schema:
    """Return a discovery schema as JSON Schema: references replaced, formats as bounds, unknown keys refused.

    A resource inside itself (a part of a mail has parts) may hold anything there.
    """
    if "$ref" in node:
        name = node["$ref"]
        return {} if name in above else _resolved(schemas[name], schemas, above | {name})
    kept: Schema = {key: node[key] for key in ("type", "enum") if key in node and node[key] != "any"}
    if "properties" in node:
        kept["properties"] = {key: _resolved(value, schemas, above) for key, value in node["properties"].items()}
        kept["additionalProperties"] = False
    elif "additionalProperties" in node:
        kept["additionalProperties"] = _resolved(node["additionalProperties"], schemas, above)
    if "items" in node:
        kept["items"] = _resolved(node["items"], schemas, above)
        kept["minItems"] = 1  # the service leaves empty lists out
    return {**kept, **_FORMATS.get(node.get("format", ""), {})}


_FORMATS: dict[str, Schema] = {
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "google-datetime": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
    "byte": {"pattern": r"^[A-Za-z0-9+/_-]*=*$"},
}


def check_beeper(content: bytes, *, model: str, is_page: bool = False) -> None:
    """Raise ValueError unless JSON `content` is what the package's `model` describes, with no key beside it.

    A page is a JSON object of exactly items, hasMore, oldestCursor and newestCursor.
    """
    if not is_page:
        _no_extras(_beeper(model).validate_json(content, strict=True))
        return
    page = json.loads(content)
    if set(page) != {"items", "hasMore", "oldestCursor", "newestCursor"} or not isinstance(page["hasMore"], bool):
        raise ValueError(f"not a page: {sorted(page)}")
    if not all(isinstance(page[key], str | None) for key in ("oldestCursor", "newestCursor")):
        raise ValueError("a cursor is neither text nor null")
    for item in page["items"]:
        _no_extras(_beeper(model).validate_json(json.dumps(item), strict=True))


@cache
def _beeper(model: str) -> TypeAdapter[Any]:
    from beeper_desktop_api import types  # takes a second to import

    return TypeAdapter(getattr(types, model))


def _no_extras(value: Any) -> None:
    """Raise ValueError for a key that the models do not know; they would quietly keep it."""
    if isinstance(value, list):
        for item in value:
            _no_extras(item)
    elif hasattr(value, "model_extra"):
        if value.model_extra:
            raise ValueError(f"{type(value).__name__} has no {', '.join(value.model_extra)}")
        for name in type(value).model_fields:
            _no_extras(getattr(value, name))
