"""The tools as an OpenAPI importer sees them: openapi.py [URL]

Environment as in checks.mjs: SLIMCP_URL (unless a URL is given), SLOWNESS.
"""

import json
import os
import re
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

BASE = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SLIMCP_URL", "http://127.0.0.1:8000")
BASE = BASE.rstrip("/")
SLOWNESS = float(os.environ.get("SLOWNESS", "1"))


def ask(path: str, body: object = None) -> tuple[int, object]:
    """Status and JSON of a GET, or of a POST if there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(BASE + path, data, {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=20 * SLOWNESS) as response:
            return response.status, json.load(response)
    except HTTPError as refusal:
        return refusal.code, json.load(refusal)


def document() -> dict:
    status, document = ask("/openapi.json")
    assert status == 200, f"{status} {document}"
    return document


def operations(document: dict) -> dict[str, tuple[str, dict]]:
    """Path and operation by name, found the way importers find them."""
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method == "post", f"{method} {path}"
            assert operation["operationId"] not in found, f"{operation['operationId']} twice"
            found[operation["operationId"]] = (path, operation)
    return found


def check_answer(document: dict, operation: dict, status: int, answer: object) -> None:
    """The answer is what the document says of this status."""
    promised = operation["responses"][str(status)]
    root = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", root)
    if "$ref" in promised:
        promised = registry.resolver("urn:document").lookup(promised["$ref"]).contents
    schema = promised["content"]["application/json"]["schema"]
    # References in it are relative to the document.
    whole = {"$id": "urn:answer", **absolute(schema)}
    OAS31Validator(whole, registry=registry).validate(answer)


def absolute(schema: object) -> object:
    if isinstance(schema, list):
        return [absolute(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    is_local = lambda key, value: key == "$ref" and value.startswith("#")
    return {
        key: f"urn:document{value}" if is_local(key, value) else absolute(value)
        for key, value in schema.items()
    }


# ---- checks ----


def document_is_valid() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def server_is_this_one() -> None:
    urls = [server["url"] for server in document()["servers"]]
    assert urls == [BASE], urls


def every_tool_is_an_operation() -> None:
    _, listed = ask("/mcp/tools")
    described = [operation["description"] for _, operation in operations(document()).values()]
    expected = [tool["description"] for tool in listed["tools"]]
    assert described == expected, f"{described} for {expected}"


def names_suit_every_model() -> None:
    for name in operations(document()):
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name), name


def operation_is_called_with_a_body() -> None:
    whole = document()
    path, operation = operations(whole)["add"]
    status, answer = ask(path, {"a": 1, "b": 2})
    assert status == 200 and answer["structuredContent"] == {"sum": 3}, f"{status} {answer}"
    check_answer(whole, operation, status, answer)


def operation_without_a_body_is_called_with_an_empty_object() -> None:
    whole = document()
    path, operation = operations(whole)["system_info"]
    assert "requestBody" not in operation, operation
    status, answer = ask(path, {})
    assert status == 200 and "structuredContent" in answer, f"{status} {answer}"
    check_answer(whole, operation, status, answer)


def refusals_are_as_described() -> None:
    whole = document()
    path, operation = operations(whole)["add"]
    for path, body, expected in [(path, [], 400), (path + "-nothing", {}, 404)]:
        status, answer = ask(path, body)
        assert status == expected, f"{status} {answer}"
        check_answer(whole, operation, status, answer)


CHECKS = [
    document_is_valid,
    server_is_this_one,
    every_tool_is_an_operation,
    names_suit_every_model,
    operation_is_called_with_a_body,
    operation_without_a_body_is_called_with_an_empty_object,
    refusals_are_as_described,
]


def main() -> int:
    failed = 0
    for check in CHECKS:
        try:
            check()
            print(f"ok {check.__name__}", flush=True)
        except Exception as why:  # Whatever goes wrong fails this check only.
            reason = " ".join(f"{type(why).__name__}: {why}".split())[:400]
            print(f"not ok {check.__name__}: {reason}", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
